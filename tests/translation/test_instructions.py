"""What the model is told: one clause, the last ones as context, nothing but the translation."""

from __future__ import annotations

from translation.instructions import REMEMBERED, Interpreter


def test_the_instructions_name_the_language_and_ask_for_the_translation_alone() -> None:
    told = Interpreter().instructions("pt-BR")
    assert "Portuguese (pt-BR)" in told
    assert "Write the translation and nothing else" in told


def test_the_last_clauses_go_along_with_their_translations() -> None:
    interpreter = Interpreter()
    for number in range(REMEMBERED + 2):
        interpreter.translated(f"clause {number}", f" Satz {number} ")
    messages = interpreter.messages("and this")
    assert len(messages) == 2 * REMEMBERED + 1
    assert messages[:2] == [
        {"role": "user", "content": "clause 2"},
        {"role": "assistant", "content": "Satz 2"},
    ]
    assert messages[-1] == {"role": "user", "content": "and this"}


def test_a_clause_without_a_translation_is_no_context() -> None:
    interpreter = Interpreter()
    interpreter.translated("clause", " ")
    assert interpreter.messages("next") == [{"role": "user", "content": "next"}]


def test_another_language_begins_without_context() -> None:
    interpreter = Interpreter()
    interpreter.translated("clause", "Satz")
    interpreter.forget()
    assert len(interpreter.messages("next")) == 1
