"""Themes of TRIPOD+AI, the guideline for reports on prediction models.

Source: Collins et al. 2024, doi:10.1136/bmj-2023-078378. The themes are worded here and carry no numbers, as the
numbering was not checked against the guideline. Those that CLAIM holds in the same words are not repeated.
"""

from gliascope.report import evidence
from gliascope.report.checklist_item import Item

NAME = "TRIPOD+AI"

ITEMS: tuple[Item, ...] = (
    Item(None, "Context", "Place in care, and the people the model is for", "Write it."),
    Item(None, "Context", "Known inequalities between groups of patients", "Say what is known for brain tumors."),
    Item(None, "Data", "Dates and places of collection, and how typical the cases are", "Quote the data set."),
    Item(None, "Data", "Treatment before imaging", "Say whether scans are from before or after surgery."),
    Item(
        *(None, "Data", "Preparation alike for every group of patients", "Describe it."),
        *(evidence.preparation, "Say whether quality differs between groups."),
    ),
    Item(None, "Outcome", "Who decided the outcome, and what they knew", "Say whether raters were blind to the model."),
    Item(
        *(None, "Outcome", "Rare classes, and what was done about them", "Count the classes."),
        *(evidence.class_counts, "Say whether training weighs or draws them otherwise."),
    ),
    Item(None, "Analysis", "How data were used to build and to test", "Describe the split.", evidence.partition),
    Item(
        *(None, "Analysis", "How often the test cases were looked at", "Say how often, and whether anything changed."),
        *(evidence.looks, "Say whether anything was changed after looking."),
    ),
    Item(None, "Analysis", "Kind of model, and how its settings were found", "Describe it.", evidence.training),
    Item(None, "Analysis", "Figures in groups of patients (fairness)", "Give them by age, sex and site."),
    Item(None, "Analysis", "Whether probabilities can be believed", "Measure calibration.", evidence.calibration),
    Item(None, "Analysis", "From probabilities to answers: thresholds", "Give the threshold and why."),
    Item(None, "Analysis", "Where building and testing data differ", "Compare scanners, sites and patients."),
    Item(None, "Analysis", "Ethics approval", "Quote the data set and your own."),
    Item(None, "Open science", "Interests that may conflict", "Declare them."),
    Item(None, "Open science", "How data may be had", "Give license and place.", evidence.data_sources),
    Item(None, "Open science", "How code and model may be had", "Give places.", evidence.code, "Add the places."),
    Item(None, "Open science", "Part that patients and the public had", "Say which, or none."),
    Item(None, "Results", "Model in full, so that others can use it", "Share the model folder.", evidence.network),
    Item(None, "Results", "Performance with intervals", "Give it.", evidence.performance),
    Item(None, "Results", "Spread over sites, folds and repeats", "Repeat the training.", evidence.repeats),
    Item(None, "Discussion", "What poor or missing images do to the answer", "Say what users should watch for."),
    Item(None, "Discussion", "How a user has to handle the model, and what skill it takes", "Write it."),
)
