"""Gliascope: brain-tumor MRI from disk to report."""
