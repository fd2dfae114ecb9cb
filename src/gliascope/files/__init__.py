"""Disk to memory and back: one module per kind of file, all through one door.

A new format is one module beside these with ``read_…`` functions that return a ``Scan`` or a ``LabelMap``; it opens
files through ``door`` and lets no library's own exception out.
"""
