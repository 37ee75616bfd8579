"""torchaudio's pure-torch parts, without its compiled extension.

The torchaudio wheel links CUDA libraries that a CPU build of torch does not bring, and importing it
then fails although its transforms need none of them. Where torch has no CUDA, a stand-in for the
extension is registered first. torchaudio is imported here and nowhere else.
"""

import sys
from types import ModuleType

import torch


def _extension_stand_in() -> ModuleType:
    module = ModuleType("torchaudio._extension")
    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=lambda function: function,
    )
    return module


if torch.version.cuda is None:
    sys.modules.setdefault("torchaudio._extension", _extension_stand_in())

from torchaudio import functional, models, transforms  # noqa: E402 (after the stand-in)

__all__ = ["functional", "models", "transforms"]
