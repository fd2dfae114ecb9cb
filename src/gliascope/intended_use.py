"""What Gliascope may be used for; stands in every model, result, page and help text."""

SHORT = "For research and education. Not a medical device."

INTENDED_USE = (
    "For research and education. Not a medical device; not for diagnosis or treatment. "
    "Output must be reviewed by a qualified person."
)
