"""pgAdmin as its page uses it, for the tests of more than one file."""

from __future__ import annotations

import re

import httpx

from tests.stack import wait_until


class PgAdmin:
    """pgAdmin's own HTTP API, as its page uses it."""

    def __init__(self, browser: httpx.Client) -> None:
        self._browser = browser
        script = browser.get("/pgadmin/browser/js/utils.js").text
        self.user = re.search(r"username: '([^']*)'", script)[1]
        token = re.search(r"\['csrf_token'\] = '([^']+)'", script)[1]
        page = str(browser.base_url.join("/pgadmin/browser/"))
        self._headers = {"X-pgA-CSRFToken": token, "Referer": page}

    def ask(
        self,
        method: str,
        path: str,
        browser: httpx.Client | None = None,
        *,
        module: str = "browser",
        **more: object,
    ) -> httpx.Response:
        """One request of the page to a module, in its own browser unless another one is given."""
        browser = browser or self._browser
        address = f"/pgadmin/{module}/{path}"
        return browser.request(method, address, headers=self._headers, **more)

    def nodes(self, path: str) -> list[tuple[str, str]]:
        """Label and id of the tree's nodes under `path`."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return [(node["label"], node["_id"]) for node in found["data"] or found["result"]]

    def connect(self, path: str) -> None:
        """Connect without a password."""
        answer = self.ask("POST", path)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["connected"] is True

    def servers(self) -> list[tuple[str, str]]:
        """Label and place of every server in the user's groups."""
        groups = [group for _, group in self.nodes("server_group/nodes/")]
        return [
            (label, f"{group}/{server}")
            for group in groups
            for label, server in self.nodes(f"server/nodes/{group}/")
        ]

    def connected_server(self) -> str:
        """The place of the stack's server, connected."""
        place = dict(self.servers())["Timestack"]
        self.connect(f"server/connect/{place}")
        return place

    def tables(self) -> list[str]:
        """The tables of the stack's server, as the tree is unfolded down to them."""
        place = self.connected_server()
        place += f"/{dict(self.nodes(f'database/nodes/{place}/'))['timestack']}"
        self.connect(f"database/connect/{place}")
        place += f"/{dict(self.nodes(f'schema/nodes/{place}/'))['public']}"
        return [label for label, _ in self.nodes(f"table/nodes/{place}/")]

    def run(self, module: str, path: str, **parameters: object) -> tuple[int, str]:
        """Start a process in the background as the dialog of a tool does; `%s` is the server's id.

        Returns its exit code and all of its output.
        """
        server = self.connected_server().rpartition("/")[2]
        parameters["database"] = "timestack"
        answer = self.ask("POST", path % server, module=module, json=parameters)
        assert answer.status_code == 200, answer.text
        assert "errormsg" not in answer.json() or not answer.json()["errormsg"], answer.text
        process = answer.json()["data"]["job_id"]

        def ended() -> dict | None:
            process_state = self.ask("GET", f"{process}/0/0/", module="misc/bgprocess").json()
            whole = process_state["out"]["done"] and process_state["err"]["done"]
            return process_state if process_state["exit_code"] is not None and whole else None

        process_state = wait_until(ended, f"{module} has ended")
        lines = [line for stream in ("out", "err") for _, line in process_state[stream]["lines"]]
        return process_state["exit_code"], "".join(lines)
