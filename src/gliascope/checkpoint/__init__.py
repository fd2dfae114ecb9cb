"""A model folder: weights, facts and card, checked whole before anything in it is used.

A folder holds ``model.safetensors`` (the weights), ``model.json`` (``ModelFacts``, with the SHA-256 of every other
file), ``README.md`` (the model card) and, once exported, ``openvino/`` or ``onnx/``. No file in it can carry code:
pickles are refused by name and by content, and nothing is tried a second way after a refusal.
"""

from gliascope.checkpoint.facts import FORMAT, ModelFacts
from gliascope.checkpoint.folder import (
    CARD_FILE,
    IR_FILE,
    IR_WEIGHTS_FILE,
    MODEL_FILE,
    WEIGHTS_FILE,
    ModelFolder,
    extend_model,
    load_model,
    save_model,
)

__all__ = [
    "CARD_FILE",
    "FORMAT",
    "IR_FILE",
    "IR_WEIGHTS_FILE",
    "MODEL_FILE",
    "WEIGHTS_FILE",
    "ModelFacts",
    "ModelFolder",
    "extend_model",
    "load_model",
    "save_model",
]
