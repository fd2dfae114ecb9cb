"""Training: prepared samples in, a run folder with checkpoints and curves out.

Read ``fit`` first; it joins ``data`` (what is drawn), ``augment`` (what is varied), ``learner`` (one step, one
validation), ``keeper`` (what is kept) and ``checkpoint_io`` (how).
"""
