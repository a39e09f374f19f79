"""The network of the transfer paper: a dilated residual network with pyramid pooling, for slices.

ResNet-101 with bottlenecks, output stride 8, and four dilated convolutions whose answers are summed, in the design of
DeepLab v2 (transfer paper, section 2.2; algorithms 3.2). A smaller width and fewer blocks make its small sibling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional

PAPER_BLOCKS = (3, 4, 23, 3)
_RATES = (6, 12, 18, 24)
_WIDER = 4
Norm = Callable[[int], nn.Module]


class Deeplab(nn.Module):
    """Logits (B, outputs, Y, X) of images (B, channels, Y, X) of any size.

    Parameters
    ----------
    width : int
        Features of the first convolution, 64 in the paper.
    blocks : sequence of int
        Bottlenecks of each of four stages.
    norm : callable
        Makes the norm of so many features.
    """

    def __init__(self, channels: int, outputs: int, width: int, blocks: Sequence[int], norm: Norm) -> None:
        super().__init__()
        self.encoder_stem = nn.Sequential(
            nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False),
            norm(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        features = [width * 2**stage for stage in range(4)]
        inputs = [width, *(_WIDER * n for n in features[:3])]
        shapes = zip(inputs, features, blocks, (1, 2, 1, 1), (1, 1, 2, 4), strict=True)
        self.encoder_stages = nn.Sequential(*(_stage(*shape, norm=norm) for shape in shapes))
        self.pyramid = nn.ModuleList(
            nn.Conv2d(_WIDER * features[-1], outputs, 3, padding=rate, dilation=rate) for rate in _RATES
        )

    def forward(self, images: Tensor) -> Tensor:
        """Answer at an eighth of the size, then enlarge linearly."""
        deep = self.encoder_stages(self.encoder_stem(images))
        small = sum(branch(deep) for branch in self.pyramid)
        return functional.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, features: int, stride: int, dilation: int, norm: Norm) -> None:
        super().__init__()
        outputs = _WIDER * features
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, features, 1, stride=stride, bias=False),
            norm(features),
            nn.ReLU(inplace=True),
            nn.Conv2d(features, features, 3, padding=dilation, dilation=dilation, bias=False),
            norm(features),
            nn.ReLU(inplace=True),
            nn.Conv2d(features, outputs, 1, bias=False),
            norm(outputs),
        )
        plain = inputs == outputs and stride == 1
        self.connection = (
            nn.Identity()
            if plain
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), norm(outputs))
        )

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.convolutions(images) + self.connection(images))


def _stage(inputs: int, features: int, blocks: int, stride: int, dilation: int, *, norm: Norm) -> nn.Sequential:
    first = _Bottleneck(inputs, features, stride, dilation, norm)
    rest = (_Bottleneck(_WIDER * features, features, 1, dilation, norm) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)
