"""Under which terms others publish their weights, as far as it is known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms to agree to before an import; `notice` is shown then and kept with the weights."""

    name: str
    url: str
    notice: str


AVATAR_FORCING = Licence(
    name="CC BY-NC 4.0",
    url="https://creativecommons.org/licenses/by-nc/4.0/",
    notice=(
        "Avatar Forcing (Ki, Jang, Jo, Yoon, Hwang; CVPR 2026). Its authors publish code and "
        "weights under Creative Commons Attribution-NonCommercial 4.0: name them, and make no "
        "commercial use of the weights. The motion autoencoder descends from FLOAT, which is under "
        "CC BY-NC-ND 4.0. The audio encoder wav2vec2-base-960h (Meta AI) is under Apache-2.0. The "
        "terms that came with your files decide."
    ),
)
FLOAT = Licence(
    name="CC BY-NC-ND 4.0",
    url="https://creativecommons.org/licenses/by-nc-nd/4.0/",
    notice=(
        "FLOAT (Ki, Min, Chae; 2024). Its authors publish code and weights under Creative Commons "
        "Attribution-NonCommercial-NoDerivatives 4.0, for research only: name them, make no "
        "commercial use of the weights and pass on no altered ones. The copy made here in another "
        "file format is for your own use. The terms that came with your file decide."
    ),
)
TRAINED = Licence(
    name="that of the data",
    url="",
    notice=(
        "Weights that somebody trained with afgen. Which data they are from is in each file's "
        "provenance; the terms of that data decide what may be done with them."
    ),
)
LIA = Licence(
    name="MIT (code); weights: not stated",
    url="https://github.com/wyhsirius/LIA/blob/main/LICENSE",
    notice=(
        "LIA, the Latent Image Animator (Wang, Yang, Bremond, Dantcheva; ICLR 2022). Its code is "
        "under the MIT licence. Nothing is stated for the weights by themselves, and they were "
        "trained on VoxCeleb, videos of real people with terms of their own: ask the authors "
        "before a commercial use."
    ),
)
