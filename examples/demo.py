"""A tour of maritaca-async in eight short scenes.

Run it with `make demo`: a local sandbox answers, so no key is needed. `make demo ARGS=--live` asks the
live service instead, with the key in `MARITACA_API_KEY`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console

from langchain_maritaca import ChatMaritaca
from maritaca_async import APITimeoutError, AsyncMaritaca, Maritaca, MaritacaError
from maritaca_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "sabia-4"
QUESTIONS = ["O que é Python?", "O que é JavaScript?", "O que é Rust?"]
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "consultar_tempo",
        "description": "Consulta o tempo em uma cidade.",
        "parameters": {
            "type": "object",
            "properties": {"cidade": {"type": "string"}},
            "required": ["cidade"],
        },
    },
}

console = Console(highlight=False)


def main() -> int:
    """Run all scenes and return the exit status."""
    parser = argparse.ArgumentParser(description="A tour of maritaca-async.")
    parser.add_argument("--live", action="store_true", help="ask the live service, not the sandbox")
    live = parser.parse_args().live
    if live and not os.environ.get("MARITACA_API_KEY"):
        parser.error("--live needs a key in MARITACA_API_KEY; without --live no key is needed")
    try:
        if live:
            run_scenes()
        else:
            with sandbox_in_environment():
                run_scenes()
    except MaritacaError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def sandbox_in_environment() -> Iterator[None]:
    """A sandbox about as slow as a real service; clients find it as they would find the service."""
    with Sandbox(latency=0.12, tokens_per_second=110) as sandbox:
        os.environ["MARITACA_API_KEY"] = sandbox.api_key
        os.environ["MARITACA_API_BASE"] = sandbox.base_url
        say("Sem chave e sem internet: quem responde é a sandbox local.")
        yield


def run_scenes() -> None:
    """First the asynchronous clients, then the blocking ones."""
    asyncio.run(asynchronous_scenes())
    without_async()


async def asynchronous_scenes() -> None:
    """One client serves all scenes: make it once and share it."""
    async with AsyncMaritaca() as client:
        await one_question(client)
        await in_turn_and_concurrently(client)
        await streamed_story(client)
        await batch_with_langchain(ChatMaritaca(model=MODEL))
        await ten_calls_three_at_a_time(client)
        await timeout_caught(client)
        await tool_round_trip(client)


async def ask(client: AsyncMaritaca, question: str) -> str:
    """One question, one answer."""
    completion = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": question}]
    )
    return completion.text


async def one_question(client: AsyncMaritaca) -> None:
    """The smallest call."""
    heading("1. Uma pergunta")
    question = "Qual é a capital do Brasil?"
    say_pair(question, await ask(client, question))


async def in_turn_and_concurrently(client: AsyncMaritaca) -> None:
    """The same questions twice: one after another, then all at once."""
    heading("2. Três perguntas: uma de cada vez, depois ao mesmo tempo")
    start = time.perf_counter()
    for question in QUESTIONS:
        await ask(client, question)
    in_turn = time.perf_counter() - start

    start = time.perf_counter()
    answers = await asyncio.gather(*[ask(client, question) for question in QUESTIONS])
    concurrently = time.perf_counter() - start

    for question, answer in zip(QUESTIONS, answers, strict=True):
        say_pair(question, answer)
    say(f"Uma de cada vez: {number(in_turn)} s. Ao mesmo tempo: {number(concurrently)} s.")
    say(f"Ganho: {number(in_turn / concurrently)} vezes.")


async def streamed_story(client: AsyncMaritaca) -> None:
    """Text appears while it is being written."""
    heading("3. Uma história, enquanto é escrita")
    messages = [{"role": "user", "content": "Conte uma história curta."}]
    async with client.chat.completions.stream(model=MODEL, messages=messages) as stream:
        async for text in stream.text_stream:
            say(text, end="")
        completion = await stream.get_final_completion()
    say("")
    if completion.usage is not None:
        say(f"Tokens da resposta: {completion.usage.completion_tokens}.")


async def batch_with_langchain(model: ChatMaritaca) -> None:
    """LangChain's batch, on the same engine."""
    heading("4. Um lote com ChatMaritaca.abatch")
    questions = ["O que é IA?", "O que é ML?", "O que é DL?"]
    answers = await model.abatch([[("human", question)] for question in questions])
    for question, answer in zip(questions, answers, strict=True):
        say_pair(question, answer.text)


async def ten_calls_three_at_a_time(client: AsyncMaritaca) -> None:
    """A semaphore keeps the number of simultaneous calls down."""
    heading("5. Dez chamadas, três de cada vez")
    semaphore = asyncio.Semaphore(3)

    async def ask_politely(question: str) -> str:
        async with semaphore:
            return await ask(client, question)

    start = time.perf_counter()
    answers = await asyncio.gather(*[ask_politely(f"Quanto é {n} + {n}?") for n in range(1, 11)])
    elapsed = time.perf_counter() - start
    say(f"{len(answers)} respostas em {number(elapsed)} s. A última: {answers[-1]}")


async def timeout_caught(client: AsyncMaritaca) -> None:
    """A deadline shorter than the answer takes, and the error that says which clock ran out."""
    heading("6. Um prazo curto demais, e o erro que diz qual relógio estourou")
    try:
        await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Olá!"}], timeout=0.05
        )
    except APITimeoutError as error:
        say(f"{type(error).__name__}, relógio “{error.phase}”: {error}")


async def tool_round_trip(client: AsyncMaritaca) -> None:
    """The model asks for a function, we call it, the model answers with the result."""
    heading("7. Uma ferramenta: o modelo pede, nós chamamos, ele responde")
    messages: list[Any] = [{"role": "user", "content": "Como está o tempo em Recife?"}]
    completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER_TOOL])
    message = completion.choices[0].message
    messages.append(message)
    for call in message.tool_calls or []:
        result = weather(**call.function.parsed_arguments())
        say(f"O modelo pediu {call.function.name}({call.function.arguments})")
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
    completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER_TOOL])
    say(completion.text)


def weather(cidade: str) -> dict[str, Any]:
    """Stand in for a real weather service."""
    return {"cidade": cidade, "graus": 29}


def without_async() -> None:
    """The blocking clients: the same calls without `await`."""
    heading("8. O mesmo sem async: Maritaca e ChatMaritaca.invoke")
    question = "O que é LangChain?"
    with Maritaca() as client:
        completion = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": question}]
        )
    say_pair(question, completion.text)
    question = "Qual é a capital de Portugal?"
    say_pair(question, ChatMaritaca(model=MODEL).invoke(question).text)


def heading(text: str) -> None:
    """Print the title of a scene."""
    console.print(f"\n[bold green]{text}[/]")


def say(text: str, end: str = "\n") -> None:
    """Print text as it is: a model may write what looks like markup."""
    console.print(text, end=end, markup=False, soft_wrap=True)


def say_pair(question: str, answer: str) -> None:
    """Print a question and its answer."""
    console.print("P:", style="dim", end=" ")
    say(question)
    console.print("R:", style="dim", end=" ")
    say(answer)


def number(value: float) -> str:
    """A number as Portuguese writes it."""
    return f"{value:.1f}".replace(".", ",")


if __name__ == "__main__":
    sys.exit(main())
