"""Search as customers get it: live rows only, any input, and no pause while versions change."""

import threading
import time
from typing import Any

import pytest

from retrieval import sync, versions
from retrieval.models import Document, IndexVersion, Source
from retrieval.records import Searcher, Turn
from retrieval.search import IndexSearcher
from tests.fakes import HashEmbedder

pytestmark = pytest.mark.django_db

SHOP = {
    "Returns": "# Returns\n\nWorn shoes can be sent back within thirty days of delivery.",
    "Shipping": "# Shipping\n\nParcels to Norway cost twelve euro and take five days.",
    "Warranty": "# Warranty\n\nThe stove has a warranty of ten years.",
    "退货": "# 退货\n\n穿过的鞋子可以在三十天内退货，运费自理。",
}


def made(title: str, text: str, *, collection: str = "default", **fields: Any) -> Document:
    from retrieval.fingerprints import content_hash

    source, _new = Source.objects.get_or_create(
        name=collection, defaults={"kind": Source.Kind.UPLOAD, "collection": collection}
    )
    return Document.objects.create(
        source=source,
        key=title,
        title=title,
        markdown=text,
        content_hash=content_hash(text),
        status=Document.Status.PROCESSING,
        lang="zh" if "的" in text else "en",
        **fields,
    )


@pytest.fixture
def searcher() -> IndexSearcher:
    for title, text in SHOP.items():
        made(title, text, url=f"https://shop.test/{title}")
    sync.run(embedder=HashEmbedder())
    return IndexSearcher(HashEmbedder())


def _titles(searcher: Searcher, question: str, **options: Any) -> list[str]:
    return [hit.title for hit in searcher.search(question, **options).hits]


def test_the_right_passage_comes_first_with_its_text_and_address(searcher: IndexSearcher) -> None:
    result = searcher.search("can I send back worn shoes", k=2)
    hit = result.hits[0]
    assert (hit.title, hit.url, hit.lang) == ("Returns", "https://shop.test/Returns", "en")
    assert hit.text == SHOP["Returns"]
    assert hit.lexical is not None
    assert hit.lexical > 0
    assert hit.dense is not None
    assert -1 <= hit.dense <= 1
    assert len(result.hits) == 2
    assert result.index_version == IndexVersion.objects.get(active=True).digest
    assert result.query_lang == "en"
    assert result.lexical[0].passage_id == hit.passage_id
    assert {"lexical", "dense", "encode", "fuse", "texts", "total"} <= set(result.milliseconds)


def test_a_chinese_question_finds_the_chinese_passage_in_either_script(searcher: IndexSearcher) -> None:
    assert _titles(searcher, "鞋子穿过还能退货吗")[0] == "退货"
    assert _titles(searcher, "鞋子穿過還能退貨嗎")[0] == "退货"


def test_a_follow_up_is_understood_from_what_was_said(searcher: IndexSearcher) -> None:
    history = [Turn("customer", "What does shipping to Norway cost?"), Turn("agent", "Twelve euro.")]
    assert _titles(searcher, "and how long does it take?", history=history)[0] == "Shipping"


def test_a_new_topic_is_not_drowned_by_the_history(searcher: IndexSearcher) -> None:
    history = [Turn("customer", "What does shipping to Norway cost?"), Turn("agent", "Twelve euro.")] * 5
    assert _titles(searcher, "How many years of warranty has the stove?", history=history)[0] == "Warranty"


@pytest.mark.parametrize(
    "question",
    [
        "",
        "   \n",
        "😀",
        "?",
        "a" * 100_000,
        "word " * 20_000,
        "鞋" * 50_000,
        "\x00\ud800\u202e",
        "the of and",
        "<script>",
    ],
)
def test_no_input_raises(searcher: IndexSearcher, question: str) -> None:
    result = searcher.search(question, history=[Turn("customer", question), Turn("agent", "")], k=3)
    assert len(result.hits) <= 3


def test_an_empty_question_finds_nothing(searcher: IndexSearcher) -> None:
    assert searcher.search("  ").hits == ()


def test_the_number_of_hits_is_bounded(searcher: IndexSearcher) -> None:
    assert len(searcher.search("shoes", k=0).hits) == 1
    assert len(searcher.search("shoes", k=10**6).hits) <= 4


def test_before_the_first_version_search_finds_nothing() -> None:
    assert IndexSearcher(HashEmbedder()).search("shoes").hits == ()
    assert not IndexSearcher(HashEmbedder()).warm_up()


def test_warming_up_loads_the_version(searcher: IndexSearcher) -> None:
    assert searcher.warm_up()


@pytest.mark.parametrize("gone", [Document.Status.DELETED, Document.Status.FAILED])
def test_a_document_is_gone_at_once_when_its_status_says_so(searcher: IndexSearcher, gone: str) -> None:
    assert "Returns" in _titles(searcher, "worn shoes")
    Document.objects.filter(title="Returns").update(status=gone)
    assert "Returns" not in _titles(searcher, "worn shoes")


def test_a_row_that_was_deleted_is_gone_at_once(searcher: IndexSearcher) -> None:
    Document.objects.filter(title="Returns").delete()
    assert "Returns" not in _titles(searcher, "worn shoes")


def test_a_document_that_is_being_read_again_stays_in_the_answers(searcher: IndexSearcher) -> None:
    Document.objects.filter(title="Returns").update(status=Document.Status.PENDING)
    assert _titles(searcher, "worn shoes")[0] == "Returns"


def test_other_passages_move_up_when_many_were_deleted() -> None:
    for number in range(60):
        made(f"Doc {number}", f"Worn shoes, case {number}.")
    sync.run(embedder=HashEmbedder())
    searcher = IndexSearcher(HashEmbedder())
    shown = _titles(searcher, "worn shoes", k=50)
    Document.objects.filter(title__in=shown).update(status=Document.Status.DELETED)
    assert len(searcher.search("worn shoes", k=5).hits) == 5


def test_only_the_asked_collections_are_searched(searcher: IndexSearcher) -> None:
    for number in range(150):
        made(f"Other {number}", "Worn shoes can be sent back.", collection="other")
    sync.run(embedder=HashEmbedder())
    assert _titles(searcher, "worn shoes", collections=frozenset({"default"}))[0] == "Returns"
    assert set(_titles(searcher, "worn shoes", collections=frozenset({"other"}))) <= {f"Other {n}" for n in range(150)}
    assert _titles(searcher, "worn shoes", collections=frozenset({"unheard"})) == []
    assert _titles(searcher, "worn shoes", collections=frozenset()) == []


def test_the_header_of_a_table_is_shown_with_its_later_rows() -> None:
    rows = "\n".join(f"| Country {number} | {number}.50 |" for number in range(120))
    made("Prices", f"# Prices\n\n| Country | Price |\n|---|---|\n{rows}")
    sync.run(embedder=HashEmbedder())
    hit = IndexSearcher(HashEmbedder()).search("country 118").hits[0]
    assert hit.text.startswith("| Country | Price |\n|---|---|\n")
    assert "Country 118" in hit.text


def test_after_rolling_back_the_old_text_is_found(searcher: IndexSearcher) -> None:
    from retrieval.fingerprints import content_hash

    text = "# Returns\n\nWorn shoes can be sent back within sixty days."
    Document.objects.filter(title="Returns").update(
        markdown=text, content_hash=content_hash(text), status=Document.Status.PROCESSING
    )
    sync.run(embedder=HashEmbedder())
    assert "sixty" in searcher.search("worn shoes").hits[0].text
    versions.roll_back()
    assert "thirty" in searcher.search("worn shoes").hits[0].text


@pytest.mark.django_db(transaction=True)
def test_a_damaged_version_leaves_the_previous_one_serving(
    searcher: IndexSearcher, caplog: pytest.LogCaptureFixture
) -> None:
    before = searcher.search("worn shoes").index_version
    made("New", "Boots are new.")
    version = sync.run(embedder=HashEmbedder())
    assert version is not None
    (versions.folder(version) / "dense.faiss").write_bytes(b"broken")
    result = searcher.search("worn shoes")
    assert result.index_version == before
    assert result.hits[0].title == "Returns"
    assert "rebuild the index" in caplog.text
    assert sync.run(embedder=HashEmbedder(), force=True) == version
    assert searcher.search("boots").hits[0].title == "New"


def test_an_index_of_another_embedder_is_searched_by_words(
    searcher: IndexSearcher, caplog: pytest.LogCaptureFixture
) -> None:
    other = IndexSearcher(HashEmbedder(dimension=32, name="other"))
    hit = other.search("worn shoes").hits[0]
    assert (hit.title, hit.dense) == ("Returns", None)
    assert "words only" in caplog.text


def test_similar_texts_are_closer_than_others(searcher: IndexSearcher) -> None:
    table = searcher.similarity(["worn shoes"], ["worn shoes", "shoes that were worn", "ten years"])
    assert len(table) == 1
    assert table[0][0] == pytest.approx(1.0, abs=1e-5)
    assert table[0][0] > table[0][1] > table[0][2]
    assert searcher.similarity([], ["a"]) == []
    assert searcher.similarity(["a"], []) == [[]]


@pytest.mark.django_db(transaction=True)
def test_sixty_four_threads_search_while_versions_change() -> None:
    from django.db import connections

    for title, text in SHOP.items():
        made(title, text)
    sync.run(embedder=HashEmbedder())
    searcher = IndexSearcher(HashEmbedder())
    wrong: list[str] = []
    seen: set[str] = set()
    counted = [0]
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                result = searcher.search("worn shoes", k=1)
                if [hit.title for hit in result.hits] != ["Returns"]:
                    wrong.append(str(result))
                seen.add(result.index_version)
                counted[0] += 1
        except Exception as error:  # noqa: BLE001 - what went wrong in a thread is the result
            wrong.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _number in range(64)]
    for thread in threads:
        thread.start()
    digests = set()
    for number in range(4):
        made(f"Extra {number}", f"Extra text number {number}.")
        version = sync.run(embedder=HashEmbedder())
        assert version is not None
        digests.add(version.digest)
        deadline = time.monotonic() + 60
        while version.digest not in seen and time.monotonic() < deadline:
            time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert digests <= seen
    assert counted[0] >= 64
