"""Where people find more about a run."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from crossfade.telling import Known


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of the live page and of Grafana, as people reach them."""

    page: str | None = None
    grafana: str | None = None

    def about(self, known: Known) -> list[tuple[str, str]]:
        """Names and addresses for one run; none for what services say of themselves."""
        found: list[tuple[str, str]] = []
        if not known.name:
            return found
        if self.page:
            path = f"/experiments/{quote(known.namespace)}/{quote(known.name)}"
            found.append(("live page", f"{self.page.rstrip('/')}{path}"))
        if self.grafana:
            query = f"var-namespace={quote(known.namespace)}&var-experiment={quote(known.name)}"
            url = f"{self.grafana.rstrip('/')}/d/crossfade-experiment?{query}"
            found.append(("Grafana", url))
        return found
