"""The papers that a text on a run may have to cite."""

from __future__ import annotations

LIMITED_DATA = "K. Trávníčková, O. Kodym: Benchmarking medical segmentation models with limited training sets."
GENESIS = (
    "Z. Zhou, V. Sodha, M. M. Rahman Siddiquee, R. Feng, N. Tajbakhsh, M. Gotway, J. Liang: Models Genesis: Generic "
    "Autodidactic Models for 3D Medical Image Analysis. pp. 384–393, 2019."
)
UNET = "O. Ronneberger, P. Fischer, T. Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. 2015."
PDL = (
    "B. Choi, J. Chun, S. Olberg, I. Park, H. H. Li, H. Kim, J. Kim, S. Mutic, J. C. Park: Progressive Deep Learning: "
    "An Accelerated Training Strategy for Medical Image Segmentation. Med. Phys. 50 (8), 5075–5087, 2023, "
    "doi:10.1002/mp.16267."
)
PGPS = (
    "S. M. Fischer et al.: Progressive Growing of Patch Size: Curriculum Learning for Accelerated and Improved Medical "
    "Image Segmentation. arXiv:2510.23241, 2025."
)
TRANSFER = (
    "X. Chen, J. Zhu, Y. Yang, J. Zhang, K. Men, J. Yi, M. Chen, J. Dai: Investigating transfer learning to improve "
    "the deep-learning-based segmentation of organs at risk among different medical centers for nasopharyngeal "
    "carcinoma. Front. Phys. 11, 1147900, 2023, doi:10.3389/fphy.2023.1147900."
)
