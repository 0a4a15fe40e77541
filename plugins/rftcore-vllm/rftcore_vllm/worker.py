"""What our servers' workers do beyond vLLM's own: `vllm serve --worker-extension-cls rftcore_vllm.worker.Extension`."""

from __future__ import annotations

from typing import Any


class Extension:
    """Mixed into vLLM's worker class, which has the model."""

    model_runner: Any

    def rftcore_refresh_head(self) -> bool:
        """Take a tied head's weights from the embedding again; return whether that was needed.

        On the CPU vLLM 0.32 packs the head's weights when the model is loaded. `reload_weights` renews the embedding
        but not that copy of it, so logits would go on to come from the old weights.
        """
        model = self.model_runner.get_model()
        head = getattr(model, "lm_head", None)
        tied = getattr(model.config, "tie_word_embeddings", False)
        if head is None or not tied or next(model.parameters()).device.type != "cpu":
            return False
        inner = getattr(head, "base_layer", head)
        inner.quant_method.process_weights_after_loading(inner)
        return True
