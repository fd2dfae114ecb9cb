"""A model folder: weights, facts and card, checked whole before anything in it is used.

A folder holds ``model.safetensors`` (the weights), ``model.json`` (``ModelFacts``, with the SHA-256 of every other
file), ``README.md`` (the model card) and, once exported, ``openvino/`` or ``onnx/``. No file in it can carry code:
pickles are refused by name and by content, and nothing is tried a second way after a refusal. Several models that
answer together stand in a system folder (``system``).
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
from gliascope.checkpoint.system import SYSTEM_FILE, AnyModel, SystemFolder, load_any, load_system, save_system

__all__ = [
    "CARD_FILE",
    "FORMAT",
    "IR_FILE",
    "IR_WEIGHTS_FILE",
    "MODEL_FILE",
    "SYSTEM_FILE",
    "WEIGHTS_FILE",
    "AnyModel",
    "ModelFacts",
    "ModelFolder",
    "SystemFolder",
    "extend_model",
    "load_any",
    "load_model",
    "load_system",
    "save_model",
    "save_system",
]
