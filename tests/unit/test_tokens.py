"""Counts of tokens: the published vectors, the estimate and its error, prompts, and what is missing."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portuguese import TEXTS

from maritaca_async import (
    ConfigurationError,
    TokenCount,
    _tokenizer,
    count_prompt_tokens,
    count_tokens,
    tokens,
)
from maritaca_async.types import ChatCompletion, ResponseMessage

# Contract section 23.
VECTORS = [
    ("Olá, mundo!", 5),
    ("Como vai você?", 4),
    ("ação", 1),
    ("ac\u0327a\u0303o", 1),
    ("R$ 1.234,56", 11),
    ("<|im_start|>user", 7),
    ("Com quantos paus se faz uma canoa?", 11),
    ("", 0),
]
IDS = {
    "Olá, mundo!": [42719, 1953, 11, 28352, 0],
    "Como vai você?": [64901, 39486, 24709, 30],
    "R$ 1.234,56": [49, 3, 220, 16, 13, 17, 18, 19, 11, 20, 21],
    "<|im_start|>user": [27, 91, 318, 4906, 91, 29, 872],
}
# The split pattern of the published tokenizer, in the form without possessive quantifiers.
PLAIN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
AWKWARD = st.text(
    alphabet=st.one_of(
        st.sampled_from(" \t\n\r\u00a0\u2028\x85\x1c'sStTlLrRvVeEaç9²ⅷ٣.,-_!😀\u0301ſ\ud800"), st.characters()
    )
)


# Exact


@pytest.mark.parametrize(("text", "expected"), VECTORS)
def test_published_vectors_come_out_exactly(text: str, expected: int) -> None:
    count = count_tokens(text)
    assert count == expected
    assert count.exact


@pytest.mark.parametrize(("text", "ids"), IDS.items())
def test_encoder_gives_the_published_ids(text: str, ids: list[int]) -> None:
    encoder = _tokenizer._encoder()
    assert encoder is not None
    assert encoder.encode_ordinary(text) == ids


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=list(TEXTS))
def test_texts_of_every_kind_have_their_exact_count(text: str, expected: int) -> None:
    assert count_tokens(text) == expected


@cache
def plain_encoder() -> Any:
    encoder = _tokenizer._encoder()
    assert encoder is not None
    return type(encoder)(
        "plain", pat_str=PLAIN_SPLIT, mergeable_ranks=encoder._mergeable_ranks, special_tokens={}
    )


@settings(deadline=None)
@given(AWKWARD)
def test_possessive_pattern_splits_like_the_plain_one(text: str) -> None:
    encoder = _tokenizer._encoder()
    assert encoder is not None
    assert encoder.encode_ordinary(text) == plain_encoder().encode_ordinary(text)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["   ", "\n\n", " \n \n", "\t\t\t", "\r\n", "a", "é.", "\x1c\x1c\x1c", " b"]))
)
def test_cutting_at_long_blanks_changes_no_count(pieces: list[str]) -> None:
    text = "".join(pieces)
    encoder = _tokenizer._encoder()
    assert encoder is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_tokenizer, "_LONG_TEXT", 0)
        patch.setattr(_tokenizer, "_LONG_RUN", re.compile(_tokenizer._LONG_RUN.pattern.replace("10000", "3")))
        assert count_tokens(text) == len(encoder.encode_ordinary(text))


@pytest.mark.parametrize("text", ["x" + " " * 1_500_000 + "y", "x" + "\n" * 1_500_000 + "y", " " * 1_500_000])
def test_endless_blanks_overflow_nothing(text: str) -> None:
    count = count_tokens(text)
    assert count.exact
    assert 10_000 < count < 1_500_000


def test_encoder_is_built_once_by_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[None] = []
    build = _tokenizer._build
    monkeypatch.setattr(_tokenizer, "_home", _tokenizer._Home())
    monkeypatch.setattr(_tokenizer, "_build", lambda: builds.append(None) or build())
    gate = threading.Barrier(8)

    def count(_: int) -> int:
        gate.wait()
        return count_tokens("Olá, mundo!")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(count, range(8))) == {5}
    assert len(builds) == 1


# Models


@pytest.mark.parametrize(
    "model",
    [
        "sabia-4",
        "sabia-4-thinking-br-sp",
        "sabia-4-2026-01-06",
        "sabiazinho-4",
        "sabiazim-4",
        "sabia-3.1",
        "sabiazinho-3",
    ],
)
def test_families_3_and_4_share_the_table(model: str) -> None:
    assert repr(count_tokens("Olá, mundo!", model=model)) == "TokenCount(5, exact=True)"


@pytest.mark.parametrize("model", ["sabia-2-small", "sabia-2-medium", "sabia-5", "gpt-4o", ""])
def test_model_of_another_family_is_counted_but_not_as_exact(model: str) -> None:
    assert repr(count_tokens("Olá, mundo!", model=model)) == "TokenCount(5, exact=False)"


# Without the extra


@pytest.mark.parametrize("missing", ["tiktoken", "maritalk"])
def test_without_the_extra_the_count_is_an_estimate_and_says_so(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from maritaca_async import count_tokens\n"
        "print(repr(count_tokens('Como vai você? Tudo bem por aqui.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=15
    )
    assert re.fullmatch(r"TokenCount\(\d+, exact=False\)\n", done.stdout)
    assert done.stderr == ""


def test_counting_imports_neither_maritalk_nor_transformers_and_nothing_before_it_is_needed() -> None:
    code = (
        "import sys, maritaca_async\n"
        "assert 'tiktoken' not in sys.modules\n"
        "assert maritaca_async.count_tokens('Olá, mundo!').exact\n"
        "assert not {'maritalk', 'transformers', 'httpx'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=15)


def test_maritalk_without_its_table_leaves_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tokenizer, "_home", _tokenizer._Home())
    monkeypatch.setattr(_tokenizer, "_TABLE", "moved_elsewhere.py")
    assert not count_tokens("Olá, mundo!").exact


def test_estimate_errs_as_little_as_its_docstring_says(without_table: None) -> None:
    estimates = {kind: count_tokens(text) for kind, (text, _) in TEXTS.items()}
    errors = {kind: estimates[kind] / TEXTS[kind][1] - 1 for kind in TEXTS}
    assert not any(count.exact for count in estimates.values())
    assert sum(abs(error) for error in errors.values()) / len(errors) < 0.08
    assert min(errors.values()) > -0.125
    assert max(errors.values()) < 0.30
    assert abs(sum(estimates.values()) / sum(exact for _, exact in TEXTS.values()) - 1) < 0.03


@pytest.mark.parametrize(
    "text", [" " * 500_000, "a" * 500_000, "\n " * 250_000, ".\n" * 250_000, "_" * 500_000]
)
@pytest.mark.timeout(5)
def test_estimate_takes_linear_time(text: str, without_table: None) -> None:
    assert count_tokens(text) > 0


@given(AWKWARD, AWKWARD)
def test_estimate_takes_any_text_and_never_shrinks_by_a_word_more(one: str, two: str) -> None:
    assert 0 <= tokens._estimate(one) <= tokens._estimate(f"{one} {two} palavra") <= 3 * len(one + two) + 20


@pytest.fixture
def without_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "exact_count", lambda text: None)


# Prompts


def test_prompt_counts_contents_tool_calls_and_tools() -> None:
    tool = {"type": "function", "function": {"name": "soma", "parameters": {"type": "object"}}}
    messages = [
        {"role": "system", "content": "Responda em uma frase."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Quanto é 2 + 3?"}, {"type": "text", "text": "Explique."}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "soma", "arguments": '{"a": 2, "b": 3}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "5"},
    ]
    texts = ["Responda em uma frase.", "Quanto é 2 + 3?", "Explique.", "soma", '{"a": 2, "b": 3}', "5"]
    count = count_prompt_tokens(messages)
    assert count == sum(map(count_tokens, texts))
    assert count.exact
    assert count_prompt_tokens(messages, tools=[tool]) == count + count_tokens(json.dumps(tool))


def test_prompt_takes_the_messages_of_answers_as_a_request_does() -> None:
    wire = {
        "role": "assistant",
        "content": "Vou somar.",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "soma", "arguments": '{"a": 2}'}}
        ],
    }
    answer = ChatCompletion.model_validate({"choices": [{"message": wire}]}).choices[0].message
    user = {"role": "user", "content": "Quanto é 2 + 3?"}
    expected = count_prompt_tokens([user, wire])
    assert count_prompt_tokens([user, answer]) == expected
    assert count_prompt_tokens([user, {**wire, "tool_calls": answer.tool_calls}]) == expected
    (call,) = answer.tool_calls or ()
    assert count_prompt_tokens([user, {**wire, "tool_calls": [{"function": call.function}]}]) == expected


def test_images_and_files_are_neither_fetched_nor_counted() -> None:
    parts = [
        {"type": "text", "text": "Resuma."},
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/nunca.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,!!!"}},
    ]
    assert count_prompt_tokens([{"role": "user", "content": parts}]) == count_tokens("Resuma.")


def test_prompt_may_come_from_a_generator_and_be_empty() -> None:
    assert count_prompt_tokens({"role": "user", "content": text} for text in ("Olá", "mundo")) == 4
    assert repr(count_prompt_tokens([])) == "TokenCount(0, exact=True)"


def test_prompt_of_another_family_is_not_exact() -> None:
    assert not count_prompt_tokens([{"role": "user", "content": "Olá"}], model="sabia-2-small").exact


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("Olá", "messages must be a list of mappings, not str"),
        ({"role": "user", "content": "Olá"}, "messages must be a list of mappings, not dict"),
        (7, "messages must be a list of mappings, not int"),
        ([ResponseMessage()], "messages must hold mappings only, not ResponseMessage"),
        (["Olá"], "messages must hold mappings only, not str"),
        ([{"content": 7}], "content must be a list of mappings, not int"),
        ([{"content": ["Olá"]}], "content must hold mappings only, not str"),
        ([{"content": [{"type": "text", "text": 7}]}], "only text has tokens to count, not int"),
        ([{"tool_calls": [{"function": "soma"}]}], "function must hold mappings only, not str"),
        (
            [{"tool_calls": [{"function": {"arguments": {"a": 1}}}]}],
            "only text has tokens to count, not dict",
        ),
    ],
)
def test_prompt_that_is_none_is_refused_with_a_reason(messages: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        count_prompt_tokens(messages)


@pytest.mark.parametrize("text", [None, b"abc", 7, ["Olá"]])
def test_what_is_not_text_is_refused(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="only text has tokens"):
        count_tokens(text)


@pytest.mark.parametrize("model", [None, 4, ["sabia-4"]])
def test_model_that_is_no_name_is_refused(model: Any) -> None:
    with pytest.raises(ConfigurationError, match="model must be the name of a model such as 'sabia-4', not"):
        count_tokens("x", model=model)
    with pytest.raises(ConfigurationError, match="model must be the name"):
        count_prompt_tokens([], model=model)


# The number


def test_count_is_a_number_that_shows_how_it_was_found() -> None:
    count = TokenCount(12, exact=False)
    assert repr(count) == "TokenCount(12, exact=False)"
    assert (str(count), f"{count:>4}", f"{count}", json.dumps(count)) == ("12", "  12", "12", "12")
    assert count == 12
    assert type(count + 1) is int


@pytest.mark.parametrize("exact", [True, False])
def test_count_survives_copies_and_pickles(exact: bool) -> None:
    count = TokenCount(12, exact=exact)
    for copied in (copy.copy(count), copy.deepcopy(count), pickle.loads(pickle.dumps(count))):
        assert (int(copied), copied.exact) == (12, exact)
