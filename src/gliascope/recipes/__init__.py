"""The shipped experiments, one TOML file each; ``gliascope recipes`` lists them."""
