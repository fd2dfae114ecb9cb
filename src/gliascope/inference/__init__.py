"""Using a model: scan in, mask or class out.

``predictor`` is the way through; ``backends`` chooses what runs the network, ``sliding_window`` cuts large scans into
windows, ``postprocess`` turns logits into probabilities and cleans masks.
"""
