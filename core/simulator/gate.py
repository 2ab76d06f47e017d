"""Check outages, keys, restricted organizations and models. The quota is checked after them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from core.simulator.config import Revocation
from core.simulator.faults import outage_at
from core.simulator.replies import Reply, error_reply, ids, json_reply

if TYPE_CHECKING:
    from core.simulator.config import SimulatorConfig
    from core.simulator.conversation import Question
    from core.simulator.stats import Call

_NEVER: Final = Revocation()
_MODELS_CREATED: Final = 1_754_000_000


class Gate:
    """Refuse what does not depend on quota. Times are the clock's, in seconds."""

    def __init__(self, config: SimulatorConfig, started_at: float) -> None:
        self._config = config
        self._started_at = started_at
        self._restricted_after = {each.name: each.restricted_after for each in config.organizations}
        self._by_key: Counter[str] = Counter()
        self._by_organization: Counter[str] = Counter()

    def outage(self, call: Call, now: float) -> Reply | None:
        """Fail every call while an outage lasts."""
        outage = outage_at(self._config.outages, now - self._started_at)
        if outage is None:
            return None
        call.fault = "outage"
        reply = error_reply(503, "Service Unavailable", kind="service_unavailable", headers=ids(call.request_id))
        return replace(reply, cut=outage.mode == "drop")

    def authenticate(self, call: Call, authorization: bytes, now: float, *, counted: bool) -> Reply | None:
        """Find the key's organization, or refuse. `counted` calls are what revocations count."""
        scheme, _, secret = authorization.decode("latin-1").partition(" ")
        key = secret.strip()
        organization = self._config.keys.get(key) if scheme.lower() == "bearer" else None
        if organization is None:
            return _unauthorized(call)
        call.key, call.organization = key, organization
        of_key, of_organization = self._by_key[key], self._by_organization[organization]
        if counted:
            self._by_key[key] += 1
            self._by_organization[organization] += 1
        revoked = self._config.revoke.get(key, _NEVER)
        if (revoked.after_calls is not None and of_key >= revoked.after_calls) or (
            revoked.at_s is not None and now - self._started_at >= revoked.at_s
        ):
            call.fault = "revoked"
            return _unauthorized(call)
        restricted_after = self._restricted_after.get(organization)
        if restricted_after is None or of_organization < restricted_after:
            return None
        call.fault = "restricted"
        return error_reply(
            400,
            "Organization has been restricted. Please reach out to support if you believe this was in error.",
            code="organization_restricted",
            headers=ids(call.request_id),
        )

    def refuse_model(self, call: Call, question: Question) -> Reply | None:
        """Refuse models that are gone or unknown, and requests longer than any context."""
        model, headers = question.model, ids(call.request_id)
        if model in self._config.models:
            if question.prompt_tokens + (question.completion or 0) <= self._config.context_window:
                return None
            message = "Please reduce the length of the messages or completion."
            return error_reply(400, message, code="context_length_exceeded", param="messages", headers=headers)
        if model in self._config.decommissioned:
            message = (
                f"The model `{model}` has been decommissioned and is no longer supported. Please refer to "
                "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead."
            )
            return error_reply(400, message, code="model_decommissioned", headers=headers)
        return _model_not_found(model, call)

    def models(self, call: Call, name: str | None = None) -> Reply:
        """List the models, or show one of them."""
        data = [self._model(each) for each in self._config.models]
        if name is None:
            return json_reply(200, {"object": "list", "data": data}, ids(call.request_id))
        if name not in self._config.models:
            return _model_not_found(name, call)
        return json_reply(200, self._model(name), ids(call.request_id))

    def _model(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": _MODELS_CREATED,
            "owned_by": name.partition("/")[0],
            "active": True,
            "context_window": self._config.context_window,
            "public_apps": None,
        }


def _unauthorized(call: Call) -> Reply:
    return error_reply(401, "Invalid API Key", code="invalid_api_key", headers=ids(call.request_id))


def _model_not_found(model: str, call: Call) -> Reply:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return error_reply(404, message, code="model_not_found", headers=ids(call.request_id))
