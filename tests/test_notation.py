"""One letter for one object: the page of notation against what the pages of the theory say."""

import re
from pathlib import Path

import pytest
from test_theory_index import chapters

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
NOTATION = (BOOK / "notation.md").read_text(encoding="utf-8")
PAGES = [page for page in chapters("The theory") if page.startswith("notebooks/")]
PAGES += ["notebooks/corruption", "notebooks/interpretability", "notebooks/ridge_path"]
CODE = re.compile(r"^```\{code-cell\}.*?^```$", re.S | re.M)
FORMULA = re.compile(r"\$\$(.*?)\$\$|\$([^$]+?)\$", re.S)
# A letter with what marks it: a hat, an index, a prime.
MARKED = (
    r"(?:\\(?:hat|bar|tilde|mathcal|mathbf) ?)?(?:\\[A-Za-z]+|\{\\?[A-Za-z]+\}|[A-Za-z])"
    r"(?:_(?:\{[^}]*\}|\\[A-Za-z]+(?:\{\w+\})?|\w))?'*(?:\^\+)?"
)
DEFINITION = re.compile(
    r"\b(?:[Ll]et|[Ww]ith|[Pp]ut|[Ww]rite|[Ww]here|[Tt]ake)\b"
    r"(?: (?:a|an|the|some|any|invertible|orthonormal|orthogonal|unit|columns|of|points|vector))*"
    rf" \$({MARKED})(?=[ $=,]|\\in)[^$]*\$"
)
GREEK = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega alpha beta gamma delta zeta eta theta"
GREEK += " kappa lambda mu nu xi rho sigma tau phi chi psi omega vartheta ell"
LETTER = re.compile(
    rf"\\math(?:cal|bf)\{{\w+\}}|\\(?:{GREEK.replace(' ', '|')})(?![A-Za-z])"
    r"|(?<![A-Za-z\\_])[A-Z](?![A-Za-z])"
)
WORDS = {r"\rank", r"\range", r"\ker", r"\norm", r"\cos", r"\abs", r"\tr", r"\Delta X"}
COUNTS = set("dpnkmr")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def section(title):
    return NOTATION.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(title):
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [cells(line) for line in lines[1:]]


def letter(formula):
    """The letter at the head of a formula, without spaces and braces that change nothing."""
    found = re.match(MARKED, formula.strip())
    return plain(found[0] if found else formula)


def plain(symbol):
    return re.sub(r"\\(hat|bar|mathcal|mathbf|tilde) ?\{?(\\?[A-Za-z]+)\}?", r"\\\1{\2}", symbol)


def symbols(cell):
    return [letter(one or two) for one, two in FORMULA.findall(cell)]


def caption(cell):
    """What a figure's caption says, of a cell of code."""
    found = re.search(r'^ +caption: "(.*)"$', cell[0], re.M)
    return found[1].replace(r"\\", "\\") if found else ""


def text(page):
    """Prose and captions of a page; a displayed formula belongs to the paragraph before it."""
    told = CODE.sub(caption, (ROOT / f"{page}.md").read_text(encoding="utf-8"))
    return re.sub(r"\n\n(?=\$\$)", "\n", told)


def base(symbol):
    return re.sub(r"(_(\{[^}]*\}|\\\w+|\w)|')+$", "", symbol.removesuffix("^+"))


def numbered(symbol):
    """v_1 is one of the v_i."""
    return re.sub(r"_(?:\{[^}]*\}|\w)$", "_i", symbol.removesuffix("^+"))


def place_of(link):
    """A page by its path from the root, of a link on the page of notation."""
    return link.removeprefix("../") if link.startswith("../") else f"book/{link}"


def own(cell):
    """The letters of a row of letters of one page: $t$ what it is; $u$, $v$ what they are."""
    heads = (re.match(r"(?:\$[^$]+\$(?:, )?)+", item.strip())[0] for item in cell.split(";"))
    return [symbol for head in heads for symbol in symbols(head)]


FORWARD = rows("From a symbol to its meaning")
TABLE = [symbol for row in FORWARD for symbol in symbols(row[0])]
LOCAL = {
    place_of(re.search(r"\]\(([./\w]+)\.md", page)[1]): own(letters)
    for page, letters in rows("Letters of one page")
}
PLACE = re.compile(r'\]\(\.\./(notebooks/\w+)\.md\) "([^"]+)"')


def spaced(passage):
    return " ".join(passage.split())


def has(passage, symbol):
    """Whether a formula of the passage has the symbol, whole; one with an index i or j with any."""
    formulas = " ".join(one or two for one, two in FORMULA.findall(passage))
    index = re.fullmatch(r"(.+)_[ij]", symbol)
    pattern = re.escape(index[1]) + r"_(\{[^}]*\}|\w)" if index else re.escape(symbol)
    alone = r"(?<![A-Za-z\\_])(?<!hat\{)(?<!mathcal\{)(?<!tilde\{)(?<!bar\{)"
    return re.search(rf"{alone}{pattern}(?![A-Za-z])", plain(formulas)) is not None


def definitions(page):
    """What the sentences of a page introduce by let, with, where, put, write or take."""
    found = {plain(match[1].strip()) for match in DEFINITION.finditer(text(page))}
    return {symbol for symbol in found if base(symbol) not in WORDS | COUNTS}


def test_no_symbol_stands_twice_and_none_lacks_its_place():
    assert len(TABLE) > 60
    assert len(set(TABLE)) == len(TABLE), sorted(s for s in TABLE if TABLE.count(s) > 1)
    assert {row[0] for row in FORWARD if not PLACE.search(row[3])} == set()


def test_the_way_back_has_the_same_symbols():
    back = [symbol for row in rows("From a meaning to its symbol") for symbol in symbols(row[1])]
    assert sorted(back) == sorted(TABLE)


def test_the_way_back_is_in_the_order_of_the_alphabet():
    looked_for = [row[0].casefold() for row in rows("From a meaning to its symbol")]
    assert looked_for == sorted(looked_for)


@pytest.mark.parametrize("row", FORWARD, ids=lambda row: row[0])
def test_a_symbol_is_introduced_where_and_as_the_table_says(row):
    beside = []
    for page, phrase in PLACE.findall(row[3]):
        paragraphs = [spaced(part) for part in text(page).split("\n\n")]
        told = [part for part in paragraphs if phrase in part]
        assert told, f"{page} does not say: {phrase}"
        found = {symbol for symbol in symbols(row[0]) if any(has(part, symbol) for part in told)}
        assert found, f"{page}: none of {symbols(row[0])} beside: {phrase}"
        beside += found
    assert set(beside) == set(symbols(row[0]))


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_defines_is_in_the_table_or_its_own(page):
    known = set(TABLE) | set(LOCAL.get(page, ()))
    unknown = {s for s in definitions(page) if not {s, base(s), numbered(s)} & known}
    assert unknown == set()


@pytest.mark.parametrize("page", [*PAGES, "book/large", "book/update"])
def test_every_letter_of_a_formula_is_in_the_table_or_the_pages_own(page):
    """Latin capitals and Greek letters; with a hat or a tilde they are those without."""
    known = {base(symbol) for symbol in {*TABLE, *LOCAL.get(page, ())}} | {"I", "O"}
    known |= {re.sub(r"\\(?:hat|tilde|bar)\{(.+)\}", r"\1", symbol) for symbol in known}
    formulas = [plain(one or two) for one, two in FORMULA.findall(text(page))]
    words = re.compile(r"\\(?:text|mathrm|operatorname\*?|begin|end|mathbb)\{[^}]*\}")
    seen = {found for formula in formulas for found in LETTER.findall(words.sub("", formula))}
    assert {letter for letter in seen if letter not in known} == set()


@pytest.mark.parametrize("page", sorted(LOCAL))
def test_a_letter_of_one_page_is_used_there_and_is_none_of_the_table(page):
    assert set(LOCAL[page]) & set(TABLE) == set()
    assert len(set(LOCAL[page])) == len(LOCAL[page])
    assert [symbol for symbol in LOCAL[page] if not has(text(page), symbol)] == []


def test_letters_that_were_given_up_stay_so():
    """Each had two or more meanings. What is in a cell of code may keep its name."""
    gone = {"H": PAGES, "J": ["notebooks/corollary_4_1_1", "notebooks/theorem_c"]}
    gone |= {"Q": ["notebooks/proposition_4_1", "notebooks/theorem_6_1", "notebooks/theorem_5_3"]}
    gone |= {"G": ["notebooks/theorem_5_3"], "N": ["notebooks/theorem_4_2"]}
    gone |= {"T": ["notebooks/quantisation", "notebooks/privacy", "notebooks/theorem_5_1"]}
    gone |= {"F": ["notebooks/corollary_4_1_1", "notebooks/corruption"]}
    gone |= {"C": ["notebooks/corollary_4_1_1", "notebooks/quantisation", "notebooks/corruption"]}
    found = [(s, page) for s, pages in gone.items() for page in pages if has(text(page), s)]
    assert found == []
