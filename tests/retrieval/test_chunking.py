"""Cutting: exact offsets, nothing lost, whole rows and sentences, and no text that takes long."""

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.chunking import chunk, estimate_tokens, passage_at, sentences, shortened

_LINES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "# Shipping", "## Norway ##", "Returns", "=======", "---", "| a | b |", "|---|:-:|", "| 1 | 2 |", "```",
            "~~~~", "- item one", "1. first", "Free. And fast! Is it? Yes.", "退货须在三十天内。运费自理！", "   ", "\u2028",
            "x" * 900, "word " * 300,
        ]
    ),
)  # fmt: skip
_DOCUMENTS = st.lists(_LINES, max_size=40).map("\n".join)


@given(_DOCUMENTS, st.integers(8, 250), st.integers(0, 60))
@settings(deadline=None, max_examples=150)
def test_every_chunk_is_the_slice_it_says_and_nothing_but_blanks_is_lost(text: str, size: int, overlap: int) -> None:
    chunks = chunk(text, passage_tokens=size, overlap_tokens=min(overlap, size // 2), merge_tokens=size // 2)
    covered = bytearray(len(text))
    for one in chunks:
        assert one.text == text[one.start : one.end]
        assert one.text.strip()
        covered[one.start : one.end] = b"\1" * (one.end - one.start)
    assert all(covered[place] or character.isspace() for place, character in enumerate(text))
    assert [one.ordinal for one in chunks] == list(range(len(chunks)))
    assert [one.start for one in chunks] == sorted(one.start for one in chunks)


@given(_DOCUMENTS)
@settings(deadline=None, max_examples=80)
def test_no_chunk_is_much_larger_than_asked(text: str) -> None:
    assert all(one.tokens <= 100 for one in chunk(text, passage_tokens=100, overlap_tokens=20))


def test_an_empty_document_gives_no_chunk() -> None:
    assert chunk("") == []
    assert chunk(" \n\t\n") == []


def test_the_heading_path_names_what_stands_above() -> None:
    text = f"# Shop\n\nWelcome.\n\n## Shipping\n\n{_prose(150)}\n\n### Norway\n\n{_prose(150)}\n\n## Returns\n\n{_prose(90)}"
    paths = {one.text.split("\n")[0]: one.heading_path for one in chunk(text, merge_tokens=0)}
    assert paths["# Shop"] == ()
    assert paths["## Shipping"] == ("Shop",)
    assert paths["### Norway"] == ("Shop", "Shipping")
    assert paths["## Returns"] == ("Shop",)


def test_later_chunks_of_a_section_carry_its_heading() -> None:
    first, *rest = chunk(f"# Shop\n\n## Shipping\n\n{_prose(600)}", merge_tokens=0)[1:]
    assert first.heading_path == ("Shop",)
    assert rest
    assert all(one.heading_path == ("Shop", "Shipping") for one in rest)


def test_underlined_headings_count_and_lines_in_fences_do_not() -> None:
    text = f"Shipping\n========\n\n{_prose(150)}\n\n```\n# a comment\n```\n\nReturns\n-------\n\n{_prose(200)}\n{_prose(200)}"
    paths = {one.heading_path for one in chunk(text, merge_tokens=0)}
    assert ("Shipping",) in paths
    assert all("a comment" not in path for path in paths)


def test_small_neighbouring_sections_share_a_passage_under_one_parent_only() -> None:
    text = f"# A\n\n{_prose(150)}\n\n## Q1\n\nShort.\n\n## Q2\n\nShort too.\n\n# B\n\n## Q3\n\nAnother."
    *_prose_of_a, questions, second = chunk(text, merge_tokens=50)
    assert questions.heading_path == ("A",)
    assert "Q1" in questions.text
    assert "Q2" in questions.text
    assert second.text.startswith("# B")


def test_a_table_is_cut_between_rows_and_its_header_goes_along() -> None:
    rows = "\n".join(f"| Country {number} | {number}.50 € |" for number in range(80))
    chunks = chunk(f"# Prices\n\n| Country | Price |\n|---|---|\n{rows}\n")
    assert len(chunks) > 2
    for one in chunks:
        assert one.text.split("\n")[-1].endswith("|")
        assert one.text.lstrip("# Prices\n").startswith("|")
    assert chunks[0].context == ""
    assert all(one.context == "| Country | Price |\n|---|---|" for one in chunks[1:])


def test_sentences_stay_whole_in_english_and_chinese() -> None:
    english = chunk(" ".join(f"Sentence number {n} says something about shoes." for n in range(90)))
    assert all(one.text.startswith("Sentence") and one.text.endswith("shoes.") for one in english)
    chinese = chunk("".join(f"第{n}条规定说明退货的时间和费用。" for n in range(90)))
    assert all(one.text.startswith("第") and one.text.endswith("。") for one in chinese)


def test_neighbours_overlap_within_a_section() -> None:
    chunks = chunk(" ".join(f"Sentence {n} is here." for n in range(200)))
    assert all(later.start < earlier.end for earlier, later in zip(chunks, chunks[1:], strict=False))


def test_a_decimal_number_or_an_abbreviated_unit_ends_no_sentence() -> None:
    assert sentences("It costs 12.50 euro at 9.30 a.m. daily. Then more.") == [
        "It costs 12.50 euro at 9.30 a.m. daily.",
        "Then more.",
    ]


def test_a_megabyte_without_headings_is_cut_in_one_pass() -> None:
    text = "word and more text. " * 50_000
    chunks = chunk(text)
    assert 1_000 < len(chunks) < 1_300
    assert chunks[-1].end == len(text) - 1


def test_hostile_repetitions_are_cut_in_linear_time() -> None:
    for unit in ("x", "中", "| ", "[a", "#", ". ", " -", "\n", "```\n", "(", "-|"):
        text = unit * (100_000 // len(unit))
        chunks = chunk(text)
        assert all(one.tokens <= 220 for one in chunks)
        assert sum(one.end - one.start for one in chunks) < 2 * len(text)


def test_a_character_of_chinese_counts_as_much_as_an_english_word() -> None:
    assert estimate_tokens("退货政策") == 4
    assert estimate_tokens("the return policy") == 3
    assert estimate_tokens("") == 0


def test_shortening_keeps_whole_words_from_the_beginning() -> None:
    assert shortened("one two three four", 3) == "one two three"
    assert shortened("one two", 10) == "one two"


def test_an_offset_finds_its_passage() -> None:
    chunks = chunk(" ".join(f"Sentence {n} is here." for n in range(200)))
    for one in chunks:
        found = passage_at(chunks, one.start)
        assert found is not None
        assert chunks[found].start <= one.start < chunks[found].end
    assert passage_at(chunks, 10**9) is None


def _prose(words: int) -> str:
    return " ".join(f"Parcels{number} travel." for number in range(words // 2))
