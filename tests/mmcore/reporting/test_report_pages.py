"""What holds for every page, whatever the results: bytes, order, labels, no requests, escaping, weight."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from sample_results import HOSTILE, SAMPLES, two

from mmcore.errors import InputError
from mmcore.reporting import build_index, build_page, card, write_pdf
from mmcore.reporting.gallery import STATES, gallery, write

SECTIONS = ["answer", "data", "interact", "reach", "model", "missing", "trust", "uses", "repro"]
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Collects tags with their attributes, visible text, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.broken: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def pages() -> dict[str, str]:
    found = {name: build_page(make()) for name, make in SAMPLES.items()}
    found["index"] = build_index([card(make()) for make in SAMPLES.values()])
    found["gallery"] = gallery()
    return found


PAGES = pages()


@pytest.fixture(params=sorted(PAGES))
def page(request) -> str:
    return PAGES[request.param]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_same_results_give_the_same_bytes(name):
    assert build_page(SAMPLES[name]()) == PAGES[name]
    assert card(SAMPLES[name]()) == card(SAMPLES[name]())


def test_the_gallery_is_written_as_it_is_built(tmp_path):
    assert write(tmp_path / "deep" / "gallery.html").read_text(encoding="utf-8") == PAGES["gallery"]
    assert [identity for tag, at in read(PAGES["gallery"]).tags if tag == "section" and (identity := at["id"])] == [
        state[0] for state in STATES
    ]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_sections_keep_their_ids_and_their_order(name):
    tags = read(PAGES[name]).tags
    assert [at["id"] for tag, at in tags if tag == "section"] == SECTIONS
    contents = [at["href"] for tag, at in tags if tag == "a" and (at.get("href") or "").startswith("#")]
    assert contents[1:10] == [f"#{identity}" for identity in SECTIONS]
    assert sum(tag == "h1" for tag, _ in tags) == 1


def test_tags_are_closed_and_ids_are_unique(page):
    reader = read(page)
    assert reader.broken == [] and reader.open == []
    identities = [at["id"] for _, at in reader.tags if "id" in at]
    assert len(identities) == len(set(identities))
    for _, at in reader.tags:
        for name in ("aria-labelledby", "data-for"):
            assert name not in at or at[name] in identities


def test_every_drawing_says_in_words_what_it_shows(page):
    drawings = [at for tag, at in read(page).tags if tag == "svg"]
    assert all(at["role"] == "img" and len(at["aria-label"]) > 20 for at in drawings)


@pytest.mark.parametrize("name", ["two", "planted", "movies"])
def test_figures_are_drawn_twice_and_numbered_through(name):
    page = PAGES[name]
    drawn = {at["id"] for tag, at in read(page).tags if tag == "svg"}
    for figure in ("hero", "balance", "strip", "forest", "reach", "pareto", "subsets", "robustness", "shapley"):
        assert {f"{figure}-w", f"{figure}-n"} <= drawn
    numbers = [int(n) for n in re.findall(r"<b>Figure (\d+)\.", page)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 7
    assert ("matrix-w" in drawn) == (name != "two")


def test_a_page_asks_for_nothing_outside_itself(page):
    for tag, at in read(page).tags:
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            target = at.get(name) or ""
            assert not re.match(r"(?:[a-z]+:)?//|[a-z]+:(?!,)", target), (tag, target)
    assert "@import" not in page and "url(" not in page and "fetch(" not in page and "XMLHttpRequest" not in page


def test_a_content_policy_forbids_requests(page):
    policy = next(at["content"] for _, at in read(page).tags if at.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "http" not in policy and "*" not in policy and "connect-src" not in rules


def test_names_cannot_become_markup():
    page, index = PAGES["hostile"], build_index([card(SAMPLES["hostile"]())])
    for html in (page, index):
        reader = read(html)
        assert sum(tag == "script" for tag, _ in reader.tags) == 1
        assert "<script>alert" not in html and "alert(" in "".join(reader.words)
        assert all(not name.startswith("on") for _, at in reader.tags for name in at)
    assert HOSTILE in "".join(read(page).words)


def test_no_page_prints_a_missing_number(page):
    text = " ".join(read(page).words)
    labels = " ".join(at.get("aria-label") or "" for _, at in read(page).tags)
    assert not re.search(r"\b(?:nan|NaN|None|inf|undefined|null)\b", text + labels)
    assert not re.search(r"[−-]0(?:\.0+)?(?![\d.])", re.sub(r"[\w-]+-0\b", "", text))
    assert not re.search(r'="(?:nan|None|inf)"| NaN', page)


def test_pages_are_light(page):
    # The gallery is a sheet of every figure in ten states, for those who change them.
    assert len(page.encode()) < (2_500_000 if "<title>Gallery" in page else 1_500_000)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1 and len(scripts[0].encode()) < 6_000


def test_pages_end_with_one_newline_and_hold_no_carriage_return(page):
    assert page.endswith("</html>\n") and "\r" not in page


def test_wide_tables_scroll_in_a_box_that_takes_focus(page):
    reader = read(page)
    boxes = [at for _, at in reader.tags if "scroll" in (at.get("class") or "").split()]
    assert len(boxes) == sum(tag == "table" for tag, _ in reader.tags)
    assert all(at["tabindex"] == "0" and at["role"] == "region" and at["aria-label"] for at in boxes)


def test_the_pdf_has_the_same_bytes_twice_and_screen_rules_go_unmentioned(tmp_path, caplog):
    first = write_pdf(PAGES["two"], tmp_path / "a" / "report.pdf").read_bytes()
    assert not caplog.records
    second = write_pdf(build_page(two()), tmp_path / "b" / "other.pdf").read_bytes()
    assert first == second and first.startswith(b"%PDF") and b"/CreationDate" not in first


def test_the_pdf_refuses_a_page_that_asks_for_something(tmp_path):
    with pytest.raises(InputError, match="asks for nothing outside itself"):
        write_pdf('<img src="http://example.org/x.png">', tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


def test_a_page_without_its_dataset_is_refused():
    with pytest.raises(InputError, match="prepare"):
        build_page({})


def test_the_page_says_which_preprocessing_was_fitted_across_folds():
    def page_of(across: bool) -> str:
        results = two()
        treated = {"kind": "text", "columns": ["a"], "options": {"method": "tfidf"}, "fitted_across_folds": across}
        first = results["dataset"]["modalities"][0]["name"]
        annotations = {**results["dataset"]["annotations"], "preprocessing": {first: treated}}
        return build_page({**results, "dataset": {**results["dataset"], "annotations": annotations}})

    assert "also on rows that some folds test" in page_of(True)
    assert "also on rows that some folds test" not in page_of(False)
