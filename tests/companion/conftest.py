import pytest


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """No question to JAX for its platform, and no settings of an enclosing run."""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    for name in ("DISTILL_RESULTS", "DISTILL_FINGERPRINT", "DISTILL_PARAMETERS"):
        monkeypatch.delenv(name, raising=False)
