"""An error is caught by the client's class, by this package's, and by LangChain's."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from langchain_core import exceptions

import langchain_maritaca as ours
from langchain_maritaca import ChatMaritaca
from maritaca_async import errors
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]
TOO_LONG = "prompt is too long for the context window"


@pytest.mark.parametrize(
    ("status", "detail", "families"),
    [
        (400, "não", (errors.BadRequestError, ours.ChatMaritacaBadRequestError, exceptions.ModelInvalidRequestError)),
        (400, TOO_LONG, (errors.BadRequestError, ours.ChatMaritacaBadRequestError, exceptions.ContextOverflowError)),
        (413, TOO_LONG, (errors.PayloadTooLargeError, ours.ChatMaritacaPayloadTooLargeError, exceptions.ContextOverflowError)),
        (422, TOO_LONG, (errors.UnprocessableEntityError, ours.ChatMaritacaUnprocessableEntityError, exceptions.ContextOverflowError)),
        (429, "too many tokens", (errors.RateLimitError, ours.ChatMaritacaRateLimitError, exceptions.ModelRateLimitError)),
        (402, "sem saldo", (errors.PaymentRequiredError, ours.ChatMaritacaPaymentRequiredError, exceptions.ModelPermissionDeniedError)),
        (418, "bule", (errors.APIStatusError, ours.ChatMaritacaStatusError, exceptions.ModelAPIError)),
    ],
)  # fmt: skip
async def test_every_family_catches_the_error(
    make_model: MakeModel,
    sandbox: Sandbox,
    status: int,
    detail: str,
    families: tuple[type[Exception], ...],
) -> None:
    model = make_model(max_retries=0)
    sandbox.fail_next(status=status, body={"detail": detail})
    with pytest.raises(errors.MaritacaError) as caught:
        await model.ainvoke("Oi")
    for family in (*families, ours.ChatMaritacaError, exceptions.ModelError):
        assert isinstance(caught.value, family)
    if detail == TOO_LONG:
        assert isinstance(caught.value, ours.ChatMaritacaContextOverflowError)
    assert (caught.value.status_code, caught.value.response.json()) == (status, {"detail": detail})
    assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)
