"""CLAIM, the checklist for artificial intelligence in medical imaging, edition of 2020: what a report must hold.

The topics are worded here, not quoted. The numbers are those of the edition of 2020 (Mongan et al.,
doi:10.1148/ryai.2020200029), which the journals' forms and most reviews use; the update of 2024 numbers otherwise.
"""

from gliascope.report import evidence
from gliascope.report.checklist_item import Item

NAME = "CLAIM 2020"

ITEMS: tuple[Item, ...] = (
    Item(1, "Title and abstract", "The title names the kind of artificial intelligence", "Write it."),
    Item(2, "Title and abstract", "The abstract gives design, methods, results and conclusions", "Write it."),
    Item(3, "Introduction", "Background, intended use and place in care", "Write it."),
    Item(4, "Introduction", "Aims and hypotheses", "Say what was expected before the figures were seen."),
    Item(5, "Study design", "Prospective or retrospective", "Say which."),
    Item(6, "Study design", "Purpose of the study", "Say whether it builds, explores, or shows non-inferiority."),
    Item(
        *(7, "Data", "Where the data come from", "Name the data set, its license and its version."),
        *(evidence.data_sources, "Add who collected them, where and when."),
    ),
    Item(8, "Data", "Who was eligible", "Give the criteria of the data set and your own."),
    Item(9, "Data", "How images were prepared", "List the steps.", evidence.preparation),
    Item(10, "Data", "Which part of the data was used", "Say what was left out, and why.", evidence.subsets),
    Item(
        *(11, "Data", "How each quantity is defined", "Define what is predicted."),
        *(evidence.elements, "Refer to common data elements where there are some."),
    ),
    Item(12, "Data", "How the data were made anonymous", "Quote the data set."),
    Item(13, "Data", "What was done where data are missing", "Say how many cases lacked an image or a reference."),
    Item(14, "Reference standard", "What counts as the truth", "Quote the data set's protocol of annotation."),
    Item(15, "Reference standard", "Why that was chosen", "Explain it."),
    Item(16, "Reference standard", "Who drew or decided it, and how skilled they are", "Quote the data set."),
    Item(17, "Reference standard", "With which tools", "Quote the data set."),
    Item(18, "Reference standard", "How far raters differ, and what was done about it", "Quote the data set."),
    Item(
        *(19, "Data partitions", "How many cases, and why that many", "Give the number and how it was settled."),
        *(evidence.sizes, "Say why this number is enough."),
    ),
    Item(20, "Data partitions", "How cases were divided", "Describe the split.", evidence.partition),
    Item(
        *(21, "Data partitions", "What both sides do not share", "Say patient, image or site, and look for copies."),
        evidence.disjoint,
    ),
    Item(22, "Model", "The network in full", "Describe it.", evidence.network),
    Item(23, "Model", "Software and its versions", "Name them.", evidence.software),
    Item(24, "Model", "Where the weights began", "Say random or pretrained.", evidence.start),
    Item(25, "Training", "How it was trained", "Give every setting.", evidence.training),
    Item(26, "Training", "How the final model was chosen", "Give the rule.", evidence.selection),
    Item(27, "Training", "How several models are joined", "Say so if none are.", evidence.ensemble),
    Item(28, "Evaluation", "What is measured", "Name metrics and protocol.", evidence.measures),
    Item(29, "Evaluation", "How sure the figures are", "Give intervals and tests.", evidence.uncertainty),
    Item(
        *(30, "Evaluation", "How robust the figures are", "Repeat the training with other seeds or folds."),
        *(evidence.repeats, "Add what changes with scanner, site and image quality."),
    ),
    Item(31, "Evaluation", "How answers are explained", "Say how, or that they are not."),
    Item(32, "Evaluation", "Tests on data from elsewhere", "Evaluate on another data set."),
    Item(
        *(33, "Results: data", "How many cases were left at every step, as a diagram", "Draw it."),
        *(evidence.partition, "Draw it, beginning before the exclusions."),
    ),
    Item(34, "Results: data", "Age, sex and disease in each part", "Tabulate them per part."),
    Item(
        *(35, "Results: model", "Figures of the best model on every part", "Give training, validation and test."),
        *(evidence.performance, "Add the other parts: gliascope evaluate RUN --split validation."),
    ),
    Item(36, "Results: model", "Figures with their precision", "Give them with intervals.", evidence.performance),
    Item(
        *(37, "Results: model", "Where it fails, and why", "Look at the wrong cases."),
        *(evidence.failures, "Look at each and say what they have in common."),
    ),
    Item(38, "Discussion", "Limits of the study", "Write them."),
    Item(39, "Discussion", "What follows for practice", "Write it; this software is no medical device."),
    Item(40, "Other", "Registration", "Give register and number, or say none."),
    Item(
        *(41, "Other", "Where protocol, code and data can be had", "Give the places."),
        *(evidence.code, "Add where the code, the recipe and the data can be had."),
    ),
    Item(42, "Other", "Who paid, and what they had a say in", "Write it."),
)
