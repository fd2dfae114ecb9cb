from typing import Any

from gliascope.workflow.clusters import clusters_of, interval_facts


def test_cases_of_one_patient_or_group_are_held_together() -> None:
    rows: list[dict[str, Any]] = [
        {"case": "a", "patient": "1", "group": "g"},
        {"case": "b", "patient": "1", "group": "h"},
        {"case": "c", "patient": None, "group": "g"},
        {"case": "d", "group": "g"},
        {"case": "1", "patient": None, "group": None},
    ]
    clusters, by = clusters_of(rows)
    assert clusters[0] == clusters[1]
    assert clusters[2] == clusters[3] != clusters[0]
    assert clusters[4] != clusters[0], "a case may be called like a patient"
    assert by == "patient or group or case"
    assert clusters_of(rows[:2])[1] == "patient"
    assert clusters_of([{"case": "a"}])[1] == "case"


def test_a_group_of_many_patients_is_no_single_witness() -> None:
    fold: list[dict[str, Any]] = [{"case": f"f{n}", "group": "fold3"} for n in range(40)]
    copies: list[dict[str, Any]] = [{"case": f"c{n}", "group": f"g{n // 2}"} for n in range(20)]
    clusters, by = clusters_of([*fold, *copies])
    assert len(set(clusters)) == 40 + 10
    assert by == "group or case"


def test_facts_say_how_many_witnesses_there_are() -> None:
    facts = interval_facts(
        [{"case": "a", "patient": "p"}, {"case": "b", "patient": "p"}, {"case": "c", "patient": "q"}]
    )
    assert (facts["clusters"], facts["by"], facts["level"]) == (2, "patient", 0.95)
