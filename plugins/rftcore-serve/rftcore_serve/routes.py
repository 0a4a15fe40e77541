"""What a server is asked, and what it answers: one function a route, with the shapes of both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from pydantic import BaseModel, TypeAdapter

from rftcore.environment import Episode, Step
from rftcore.schemas.task import Task
from rftcore_serve.sessions import Refusal, Sessions
from rftcore_serve.wire import (
    Action,
    Advice,
    Available,
    Begun,
    Closed,
    Demonstration,
    Description,
    Draw,
    Drawn,
    Nothing,
    OfList,
    OfTask,
    OfWorld,
    TaskList,
    Texts,
    state_of,
    stream,
)
from rftcore_serve.worlds import Worlds

EPISODE = "/v1/episodes/{episode}"


@dataclass(frozen=True, slots=True)
class Route:
    """`answer` takes the name of an episode ("" where the path has none) and what was asked.

    It returns what JSON has, as it is: an environment's text may hold half of a surrogate pair, which no model takes.
    """

    method: str
    path: str
    asks: type[BaseModel]
    answers: type
    """The shape of the answer: a model, or a dataclass."""
    summary: str
    answer: Callable[[str, Any], Awaitable[dict[str, Any]]]


class Routes:
    """All of them, over the environments and the sessions of one server."""

    def __init__(self, worlds: Worlds, sessions: Sessions) -> None:
        self._worlds, self._sessions = worlds, sessions
        self.table = (
            Route("POST", "/v1/environment", OfWorld, Description, "what it declares of itself", self._describe),
            Route("POST", "/v1/tasks", OfList, TaskList, "an ordered list of tasks", self._tasks),
            Route("POST", "/v1/vocabulary", OfWorld, Texts, "the texts that cover its words", self._vocabulary),
            Route("POST", "/v1/oracle", OfTask, Demonstration, "the expert's way from the start", self._oracle),
            Route("POST", "/v1/episodes", OfTask, Begun, "start an episode", self._start),
            Route("POST", f"{EPISODE}/step", Action, Step, "apply one action", self._step),
            Route("POST", f"{EPISODE}/available_actions", Nothing, Available, "what is understood", self._actions),
            Route("POST", f"{EPISODE}/random_action", Draw, Drawn, "draw from a random stream", self._draw),
            Route("POST", f"{EPISODE}/expert_action", Nothing, Advice, "what the expert does now", self._expert),
            Route("DELETE", EPISODE, Nothing, Closed, "close an episode; one that is gone, too", self._close),
        )

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """Return the route of a request and the episode in its path. Raises Refusal when there is none."""
        known = False
        for route in self.table:
            before, placed, after = route.path.partition("{episode}")
            if path != before if not placed else not (path.startswith(before) and path.endswith(after)):
                continue
            name = path[len(before) : len(path) - len(after)] if placed else ""
            if placed and (not name or "/" in name):
                continue
            known = True
            if route.method == method:
                return route, name
        if known:
            raise Refusal("method", f"found {method[:20]} for {path[:80]}, expected another method; see /openapi.json")
        raise Refusal("unknown", f"found no such path: {path[:80]!r}; see /openapi.json")

    async def _describe(self, _: str, asked: OfWorld) -> dict[str, Any]:
        world = await self._worlds.get(asked.options)
        there = world.environment
        description = Description(
            served=world.served,
            difficulties=there.difficulties,
            returns=there.returns,
            reward_range=there.reward_range,
            max_turns=there.max_turns,
            instructions=there.instructions,
            action_templates=there.action_templates,
            facts=await self._worlds.ask(there.facts),
        )
        return description.model_dump(mode="json")

    async def _tasks(self, _: str, asked: OfList) -> dict[str, Any]:
        there = (await self._worlds.get(asked.options)).environment
        tasks = await self._worlds.ask(lambda: there.tasks(asked.split, asked.difficulty))
        return {"tasks": [task.model_dump(mode="json") for task in tasks]}

    async def _vocabulary(self, _: str, asked: OfWorld) -> dict[str, Any]:
        there = (await self._worlds.get(asked.options)).environment
        return {"texts": list(await self._worlds.ask(there.vocabulary))}

    async def _oracle(self, _: str, asked: OfTask) -> dict[str, Any]:
        there = (await self._worlds.get(asked.options)).environment
        actions = await self._worlds.ask(lambda: list(islice(there.oracle(asked.task), there.max_turns)))
        return {"actions": actions}

    async def _start(self, _: str, asked: OfTask) -> dict[str, Any]:
        world = await self._worlds.get(asked.options)
        _check(world.served.name, asked.task)
        name, episode = await self._sessions.begin(lambda: world.environment.start(asked.task), world)
        return {
            "episode": name,
            "observation": episode.observation,
            "expert": type(episode).expert_action is not Episode.expert_action,
            "identity": world.identity,
        }

    async def _step(self, name: str, asked: Action) -> dict[str, Any]:
        return asdict(await self._sessions.ask(name, lambda episode: episode.step(asked.action)))

    async def _actions(self, name: str, _: Nothing) -> dict[str, Any]:
        return {"actions": await self._sessions.ask(name, lambda episode: episode.available_actions())}

    async def _draw(self, name: str, asked: Draw) -> dict[str, Any]:
        try:
            rng = stream(asked.state)
        except ValueError as error:
            raise Refusal("invalid", f"state: found {error}, expected what random.Random.getstate() returns") from None
        action = await self._sessions.ask(name, lambda episode: episode.random_action(rng))
        return {"action": action, "state": state_of(rng)}

    async def _expert(self, name: str, _: Nothing) -> dict[str, Any]:
        return {"action": await self._sessions.ask(name, lambda episode: episode.expert_action())}

    async def _close(self, name: str, _: Nothing) -> dict[str, Any]:
        return {"closed": await self._sessions.close(name)}


def _check(name: str, task: Task) -> None:
    if task.environment != name:
        raise Refusal("invalid", f"task.environment: found {task.environment!r}, expected {name!r}, which is served")


def _reference(shape: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a reference to a shape, which is added to `definitions` with all that it is made of."""
    schema = TypeAdapter(shape).json_schema(ref_template="#/components/schemas/{model}")
    definitions |= schema.pop("$defs", {})
    definitions[shape.__name__] = schema
    return {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}


def document(routes: Routes, name: str) -> Mapping[str, Any]:
    """Return the OpenAPI 3.1 description of a server that serves the environment `name`."""
    paths: dict[str, dict[str, Any]] = {}
    definitions: dict[str, Any] = {}
    for route in routes.table:
        asked, answered = _reference(route.asks, definitions), _reference(route.answers, definitions)
        parameter = {"name": "episode", "in": "path", "required": True, "schema": {"type": "string"}}
        operation: dict[str, Any] = {
            "summary": route.summary,
            "parameters": [parameter] if "{episode}" in route.path else [],
            "responses": {
                "200": {"description": route.summary, "content": {"application/json": answered}},
                "default": {"$ref": "#/components/responses/Failure"},
            },
        }
        if route.method == "POST":
            operation["requestBody"] = {"required": True, "content": {"application/json": asked}}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    text = {"type": "string"}
    error = {"type": "object", "properties": {"kind": text, "message": text}, "required": ["kind", "message"]}
    failure = {"type": "object", "properties": {"error": error}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"rftcore: the environment {name}", "version": "1"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Failure": {"description": "what is wrong", "content": {"application/json": {"schema": failure}}}
            },
        },
    }
