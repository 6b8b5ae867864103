"""Makes `.zenodo.json` and `codemeta.json` from CITATION.cff when it is run as a module."""

import tomllib
from pathlib import Path
from typing import Any

from distill_lib.companion.files import write_json
from distill_lib.companion.root import project_root
from distill_lib.companion.site.citation import Citation, read_citation, repository, site


def metadata(root: Path) -> dict[str, dict[str, Any]]:
    """Both files' content by their names. Raises: CompanionError if CITATION.cff is not whole."""
    citation = read_citation(root)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        ".zenodo.json": zenodo(citation),
        "codemeta.json": codemeta(citation, project["requires-python"]),
    }


def zenodo(citation: Citation) -> dict[str, Any]:
    """Zenodo's deposit of a release (https://developers.zenodo.org, deposit metadata)."""
    papers = [paper["url"] for paper in citation.get("references", []) if "url" in paper]
    links = [{"identifier": url, "relation": "isSupplementTo", "scheme": "url"} for url in papers]
    return {
        "title": citation["title"],
        "upload_type": "software",
        "description": citation["abstract"],
        "creators": [{"name": _name(author)} for author in citation["authors"]],
        "version": str(citation["version"]),
        "publication_date": str(citation["date-released"]),
        "license": citation["license"],
        "access_right": "open",
        "language": "eng",
        "keywords": citation["keywords"],
        **({"related_identifiers": links} if links else {}),
    }


def codemeta(citation: Citation, python: str) -> dict[str, Any]:
    """CodeMeta 3.0 (https://codemeta.github.io/terms)."""
    papers = [
        {
            "@type": "ScholarlyArticle",
            "name": paper["title"],
            "author": [_agent(author) for author in paper["authors"]],
            "datePublished": str(paper["year"]),
            **({"url": paper["url"]} if "url" in paper else {}),
        }
        for paper in citation.get("references", [])
    ]
    addresses = {"codeRepository": repository(citation), "url": site(citation)}
    return {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": citation["title"],
        "description": citation["abstract"],
        "author": [_agent(author) for author in citation["authors"]],
        "version": str(citation["version"]),
        "datePublished": str(citation["date-released"]),
        "license": f"https://spdx.org/licenses/{citation['license']}",
        "keywords": citation["keywords"],
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {python}",
        **{key: address for key, address in addresses.items() if address},
        "referencePublication": papers,
    }


def _name(author: Citation) -> str:
    return str(author.get("name") or f"{author['family-names']}, {author['given-names']}")


def _agent(author: Citation) -> dict[str, str]:
    if "name" in author:
        return {"@type": "Organization", "name": author["name"]}
    names = {"givenName": author["given-names"], "familyName": author["family-names"]}
    return {"@type": "Person", **names}


def main() -> None:
    """Write both files at the top of the project."""
    root = project_root()
    for name, content in metadata(root).items():
        write_json(root / name, content)
        print(name)


if __name__ == "__main__":
    main()
