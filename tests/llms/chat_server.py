"""A small real server of chat completions around `llms/local`, which can also fail in every way that servers do."""

import json
import socket
import string
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from cuvee.protocols import Choosing, LanguageModel
from cuvee.types import Message


@dataclass
class ChatServer:
    """What to do with the next requests, and those that came."""

    model: LanguageModel
    url: str
    plan: list[str] = field(default_factory=list)
    """"429", "500" ... a status; "stall", "cut", "garbage" after the first piece; nothing left: answer."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    words: str = string.ascii_letters
    """Tokens whose log-probabilities it knows."""

    def answer(self, body: dict[str, Any], todo: str) -> Iterator[str]:
        messages = [Message(m["role"], m["content"]) for m in body["messages"]]
        form = body.get("response_format")
        schema = form["json_schema"]["schema"] if form else None
        completion = self.model.complete(messages, schema=schema, stop=body.get("stop", ()))
        for piece in completion:
            yield event({"index": 0, "delta": {"content": piece}, "finish_reason": None})
            if todo == "stall":
                time.sleep(1.0)
            if todo in ("cut", "garbage"):
                yield (
                    "data: {nonsense\n\n" if todo == "garbage" else 'data: {"error": {"message": "out of memory"}}\n\n'
                )
                return
        usage = completion.usage
        counted = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
        }
        yield event({"index": 0, "delta": {}, "finish_reason": usage.finish}, usage=counted)
        yield "data: [DONE]\n\n"

    def chances(self, body: dict[str, Any], *, silent: bool) -> dict[str, Any]:
        """Tell the log-probabilities of the likeliest letters."""
        assert isinstance(self.model, Choosing)
        messages = [Message(m["role"], m["content"]) for m in body["messages"]]
        row = self.model.choose([messages], self.words)[0]
        best = sorted(zip(row.tolist(), self.words, strict=True), reverse=True)[: body["top_logprobs"]]
        top = [{"token": word, "logprob": value, "bytes": None} for value, word in best]
        told = None if silent else {"content": [{**top[0], "top_logprobs": top}], "refusal": None}
        message = {"role": "assistant", "content": best[0][1], "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": told, "finish_reason": "length"}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def event(choice: dict[str, Any], **more: Any) -> str:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice], **more}
    return f"data: {json.dumps(chunk)}\n\n"


@contextmanager
def serving(model: LanguageModel) -> Iterator[ChatServer]:
    """Run the server on a free port of the loopback until the block ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    state = ChatServer(model, f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
    app = FastAPI()

    @app.post("/v1/chat/completions", response_model=None)
    async def complete(request: Request) -> Response:
        body = await request.json()
        state.requests.append(body)
        state.keys.append(request.headers.get("authorization", ""))
        todo = state.plan.pop(0) if state.plan else ""
        if todo.isdigit():
            return JSONResponse({"error": {"message": "no"}}, int(todo), {"retry-after": "0.01"})
        if body.get("logprobs"):
            return JSONResponse(state.chances(body, silent=todo == "silent"))
        return StreamingResponse(state.answer(body, todo), media_type="text/event-stream")

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield state
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
