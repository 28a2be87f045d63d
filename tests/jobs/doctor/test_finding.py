"""The finding of one check."""

from jobs.doctor.finding import Finding, Issue, make_finding

NOTE, WARNING, PROBLEM = Issue("note", "N."), Issue("warning", "W.", "Do."), Issue("problem", "P.", "Do.")


def test_without_an_issue_a_check_is_ok() -> None:
    """It describes the healthy part."""
    assert Finding(check="c", verdict="ok", says="Fine.") == make_finding("c", "Fine.")


def test_a_note_is_added_to_the_description() -> None:
    """The part is healthy all the same."""
    assert Finding(check="c", verdict="note", says="Fine. N.") == make_finding("c", "Fine.", [NOTE])


def test_the_worst_issue_is_the_verdict_and_comes_first() -> None:
    """A remedy of several issues is given once."""
    expected = Finding(check="c", verdict="problem", says="P. W. N.", do="Do.")
    assert expected == make_finding("c", "F.", [NOTE, WARNING, PROBLEM])
