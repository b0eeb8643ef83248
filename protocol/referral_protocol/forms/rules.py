"""What no single field can say: the rules a writer keeps, one row each (FORMS.md lists them).

Law: a rule answers with the words that stand in the error summary and again at the field. Rules
bind writers only: a reader shows what came.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from referral_protocol.forms import rule_checks as checks
from referral_protocol.forms.rule_checks import Content, Found


class Rule(NamedTuple):
    """``form``: its form; ``section``: the part whose page shows it ("" for the form's own fields);
    ``words``: the sentence of FORMS.md; ``check``: (content, state, now) to problems."""

    form: str
    section: str
    words: str
    check: Callable[[Content, str | None, int | None], Found]


def rules_of(form: str, section: str | None) -> list[Rule]:
    """The rules of a form, or of one of its sections."""
    return [
        rule for rule in RULES if rule.form == form and (section is None or rule.section == section)
    ]


RULES: Final = (
    Rule(
        "referral",
        "who",
        "`who.date_of_birth` or `who.age_band` is there, unless `date-of-birth` is withheld",
        checks.age_is_said,
    ),
    Rule("referral", "who", "`who.date_of_birth` is not in the future", checks.born_before_now),
    Rule("referral", "who", "`who.groups` does not hold `all`", checks.groups_are_real),
    Rule("referral", "who", "`who.lives_in.region` begins with its country", checks.home_region),
    Rule("referral", "safe_contact", "at least one way is `safe`", checks.one_safe_way),
    Rule(
        "referral",
        "safe_contact",
        "a `safe` way has a `value`, except `voicemail`",
        checks.safe_way_has_value,
    ),
    Rule(
        "referral",
        "safe_contact",
        "the `value` of `telephone`, `voicemail` and `text-message` is a telephone number, of "
        "`e-mail` an address",
        checks.value_is_right,
    ),
    Rule("referral", "safe_contact", "a `safe` `telephone` has `times`", checks.call_has_hours),
    Rule(
        "referral",
        "safe_contact",
        "`to` is later than `from`; past midnight is two windows",
        checks.times_run_forward,
    ),
    Rule(
        "referral", "safe_contact", "`checked_at` is not in the future", checks.checked_before_now
    ),
    Rule(
        "referral",
        "happened",
        "`date` or `when_note` is there; `date` is not in the future, `until` not before it",
        checks.crime_dates,
    ),
    Rule("referral", "happened", "`region` begins with its country", checks.crime_region),
    Rule("referral", "happened", "a step `other` has a `note`", checks.other_step_is_named),
    Rule("referral", "needs", "each need stands there once", checks.needs_are_distinct),
    Rule(
        "referral",
        "communication",
        "`interpreter` = `yes` names `interpreter_language`",
        checks.interpreter_has_language,
    ),
    Rule(
        "referral",
        "consent",
        "`ground` = `consent` has `how`, `given_to`, `given_at`, `until` and `needs`; "
        "`legal-basis` has `legal_basis` and `why`",
        checks.ground_is_whole,
    ),
    Rule(
        "referral", "consent", "consent covers every need of `needs`", checks.consent_covers_needs
    ),
    Rule(
        "referral",
        "consent",
        "`given_at` is not in the future, `until` (the end of that day, UTC) not in the past",
        checks.consent_times,
    ),
    Rule(
        "referral",
        "consent",
        "each part is withheld once; `other` has a `note`",
        checks.withheld_once,
    ),
    Rule("referral", "answer", "the answer-by time is in the future", checks.answer_by_ahead),
    Rule("question", "", "the answer-by time is in the future", checks.answer_by_ahead),
    Rule("capacity", "", "the answer-by time is in the future", checks.answer_by_ahead),
    Rule(
        "answer",
        "",
        "with `rejected` there is a `reason`, with `completed` and `failed` an `outcome`, with "
        "`accepted` a `contact`, with `on-hold` a `hold`",
        checks.answer_goes_with_state,
    ),
    Rule("answer", "", "a reason or hold `other` has `text`", checks.other_has_text),
    Rule("answer", "", "`partly-erased` and `kept` have `kept_why`", checks.kept_has_law),
    Rule("answer", "", "`hold_until` is not in the past", checks.answer_by_not_on_date),
    Rule(
        "note",
        "",
        "there is more than `form`, `author`, `language`, `topic` and `answers`",
        checks.note_says_something,
    ),
    Rule(
        "note",
        "",
        "`step` and `step_at` go together, not in the future; `meeting-scheduled` has a `meeting`",
        checks.step_has_time,
    ),
    Rule("note", "", "`partly-erased` and `kept` have `kept_why`", checks.kept_has_law),
    Rule("note", "", "the answer-by time is in the future", checks.answer_by_ahead),
    Rule("ask", "", "a purpose `other` has `text`", checks.other_has_text),
    Rule("ask", "", "`information` and `another-time` have `text`", checks.ask_has_text),
    Rule("ask", "", "the answer-by time is in the future", checks.answer_by_ahead),
    *(
        Rule("note", section, words, check)
        for section, words, check in (
            ("safe_contact", "as in `referral`: at least one way is `safe`", checks.one_safe_way),
            ("safe_contact", "as in `referral`: a safe way has a value", checks.safe_way_has_value),
            ("safe_contact", "as in `referral`: the value’s form", checks.value_is_right),
            ("safe_contact", "as in `referral`: a safe call has times", checks.call_has_hours),
            (
                "safe_contact",
                "as in `referral`: `to` is later than `from`",
                checks.times_run_forward,
            ),
            ("safe_contact", "as in `referral`: not in the future", checks.checked_before_now),
            ("consent", "as in `referral`: the ground is whole", checks.ground_is_whole),
            ("consent", "as in `referral`: its times", checks.consent_times),
        )
    ),
)
