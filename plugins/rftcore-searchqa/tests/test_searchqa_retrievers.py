from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rftcore.errors import ConfigError, EpisodeError
from rftcore_searchqa import encyclopaedia
from rftcore_searchqa.environment import SearchQA
from rftcore_searchqa.http import HttpRetriever
from rftcore_searchqa.passages import passages

ENCODER = '''
import hashlib
import numpy as np
from rftcore_bm25.analyzer import terms

def encode(texts):
    """A real encoder, if a small one: each term has a random direction, rare or not."""
    rows = np.zeros((len(texts), 512), dtype=np.float32)
    for row, text in zip(rows, texts):
        for term in set(terms(text)):
            seed = int.from_bytes(hashlib.sha256(term.encode()).digest()[:8], "big")
            row += np.random.default_rng(seed).standard_normal(512).astype(np.float32)
        row /= np.linalg.norm(row) or 1.0
    return rows

def narrow(texts):
    return encode(texts)[:, :7]
'''

Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


def reply(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start a server that answers with a function, and return its address."""
    servers: list[ThreadingHTTPServer] = []

    def started(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, format: str, *values: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/retrieve"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def encyclopaedic(handler: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
    """Answer as Search-R1's server does, from the encyclopaedia."""
    assert sorted(asked) == ["queries", "return_scores", "topk"]
    found = [encyclopaedia.retriever().search(query, asked["topk"]) for query in asked["queries"]]
    result = [[{"document": {"contents": p.contents}, "score": p.score} for p in hits] for hits in found]
    reply(handler, json.dumps({"result": result}).encode())


def test_the_expert_wins_through_a_server_of_search_r1s_protocol(serve: Callable[[Answer], str]) -> None:
    near, far = SearchQA(), SearchQA(retriever="http", url=serve(encyclopaedic))
    assert far.facts()["deterministic"] is False
    for task in near.tasks("test", "hard")[:10]:
        here, there = near.start(task), pickle.loads(pickle.dumps(far.start(task)))
        for action in near.oracle(task):
            step = there.step(action)
            assert step == here.step(action)
        assert step.success


def test_a_server_that_gives_no_scores_is_understood(serve: Callable[[Answer], str]) -> None:
    url = serve(
        lambda handler, asked: reply(handler, b'{"result": [[{"contents": "\\"T\\"\\nx"}, {"contents": "y"}]]}')
    )
    assert [passage.contents for passage in HttpRetriever(url, 5).search("q", 1)] == ['"T"\nx']


def slowly(handler: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda handler, asked: reply(handler, b"no", 500), "status 500"),
        (lambda handler, asked: reply(handler, b"{"), "JSONDecodeError"),
        (lambda handler, asked: reply(handler, b'{"result": []}'), "IndexError"),
        (lambda handler, asked: reply(handler, b'{"result": [[{"document": {"contents": 1}}]]}'), "TypeError"),
        (lambda handler, asked: reply(handler, b'{"result": [["text"]]}'), "gave no passages"),
        (lambda handler, asked: reply(handler, b"[" * 100_000), "RecursionError"),
        (lambda handler, asked: reply(handler, b" " * (17 << 20)), "more than 16 MB"),
        (slowly, "TimeoutError"),
        (lambda handler, asked: time.sleep(1), "TimeoutError"),
    ],
    ids=["status", "no-json", "empty", "number", "text", "deep", "long", "slow", "silent"],
)
def test_a_server_that_fails_is_a_failure_of_the_machine(
    serve: Callable[[Answer], str], answer: Answer, message: str
) -> None:
    late = message == "TimeoutError"
    began = time.monotonic()
    with pytest.raises(EpisodeError, match=message):
        HttpRetriever(serve(answer), 0.5 if late else 60).search("q", 3)
    assert not late or time.monotonic() - began < 5


def test_no_server_is_a_failure_of_the_machine_and_no_address_one_of_the_user() -> None:
    world = SearchQA(retriever="http", url="http://127.0.0.1:9/retrieve")
    episode = world.start(world.tasks("train", "easy")[0])
    with pytest.raises(EpisodeError, match=r"127.0.0.1:9/retrieve gave no passages"):
        episode.step("<search>x</search>")
    for url in ("file:///etc/passwd", "retrieve", "http://"):
        with pytest.raises(ConfigError, match="expected http://HOST:PORT/retrieve"):
            HttpRetriever(url, 1)


@pytest.fixture
def dense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dense index of 300 passages of the encyclopaedia."""
    (tmp_path / "tiny_encoder.py").write_text(ENCODER)
    monkeypatch.syspath_prepend(str(tmp_path))
    import tiny_encoder  # type: ignore[import-not-found]

    chosen = dict(list(passages().items())[:300])
    rows = [json.dumps({"id": key, "contents": contents}) for key, contents in chosen.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(rows))
    (tmp_path / "ids.txt").write_text("\n".join(chosen))
    np.save(tmp_path / "embeddings.npy", tiny_encoder.encode(list(chosen.values())))
    return tmp_path


def test_a_dense_index_finds_passages_by_their_names(dense: Path) -> None:
    world = SearchQA(retriever="dense", data=dense, encoder="tiny_encoder:encode")
    retriever = pickle.loads(pickle.dumps(world._retriever()))
    found = 0
    for contents in list(passages().values())[:300:10]:
        title = contents.split("\n")[0].strip('"')
        hits = retriever.search(f"Where was {title} born?", 3)
        assert len(hits) == 3
        assert hits[0].score >= hits[1].score >= hits[2].score
        found += contents in [hit.contents for hit in hits]
    assert found >= 20  # of 30; by chance it would be 3 in 300 each


def test_a_dense_index_that_does_not_fit_is_named(dense: Path) -> None:
    with pytest.raises(ConfigError, match="encoder=module:function"):
        SearchQA(retriever="dense", data=dense)
    with pytest.raises(ConfigError, match=r"found an array of shape \(1, 7\)"):
        SearchQA(retriever="dense", data=dense, encoder="tiny_encoder:narrow")._retriever().search("x", 3)
    for encoder in ("tiny_encoder:missing", "no_such_module:f", "nothing"):
        with pytest.raises(ConfigError, match="expected module:function that can be imported"):
            SearchQA(retriever="dense", data=dense, encoder=encoder)._retriever()
    damages: list[tuple[str, bytes, str]] = [
        ("ids.txt", b"0\n1", r"and 2 ids"),
        ("ids.txt", b"\n".join(b"unknown" for _ in range(300)), "found the id 'unknown'"),
        ("embeddings.npy", b"", "holds no dense index"),
    ]
    for number, (name, content, message) in enumerate(damages):
        good = (dense / name).read_bytes()
        (dense / name).write_bytes(content)
        link = dense.parent / f"damaged-{number}"  # an index is opened once per folder and process
        link.symlink_to(dense)
        with pytest.raises(ConfigError, match=message):
            SearchQA(retriever="dense", data=link, encoder="tiny_encoder:encode")._retriever()
        (dense / name).write_bytes(good)
