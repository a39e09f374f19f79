"""Real MR crops: Medical Segmentation Decathlon, Task04 Hippocampus, downloaded once."""

from __future__ import annotations

import logging
import re
import tarfile
from pathlib import Path

import platformdirs
import pooch

from ..errors import UserError
from ..storage.atomic import write_new, write_text, writing_folder

URL = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar"
# the checksum that MONAI publishes in monai.apps.DecathlonDataset.md5
MD5 = "9d24dba78a72977dbd1d2e110310f31b"
ARCHIVE = "Task04_Hippocampus.tar"
ATTRIBUTION = (
    "Medical Segmentation Decathlon, Task04 Hippocampus (Vanderbilt University Medical Center), licence CC-BY-SA 4.0 "
    "(https://creativecommons.org/licenses/by-sa/4.0/). Cite Simpson et al. 2019, arXiv:1902.09063, and Antonelli et "
    "al. 2022, Nature Communications 13, 4128. Label values: 1 anterior, 2 posterior hippocampus."
)
NAMES = {1: "anterior hippocampus", 2: "posterior hippocampus"}

_MEMBER = re.compile(r"(?:\./)?Task04_Hippocampus/(images|labels)Tr/(hippocampus_\d+\.nii\.gz)")
_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the user's cache folder for downloaded samples."""
    return Path(platformdirs.user_cache_dir("napari-progseg")) / "samples"


def fetch_hippocampus(folder: Path | None = None) -> Path:
    """Download the training cases of MSD Task04 (27 MB) unless they are there already.

    Parameters
    ----------
    folder : Path or None
        Where archive and cases are kept; None for the user's cache folder.

    Returns
    -------
    Path
        A folder with ``images/``, ``labels/`` (same file names) and ``ATTRIBUTION.txt``, as a project expects them.

    Raises
    ------
    UserError
        If the download fails or is damaged, with what to do instead.
    """
    folder = cache_folder() if folder is None else Path(folder)
    cases = folder / "Task04_Hippocampus"
    # written last, so it stands for a complete folder
    if not (cases / "ATTRIBUTION.txt").is_file():
        _unpack(_archive(folder), cases)
    _log.info("%s", ATTRIBUTION)
    return cases


def _archive(folder: Path) -> Path:
    downloader = pooch.HTTPDownloader(progressbar=False, timeout=30)
    instead = (
        f"use a generated sample (Leg, CT or Two parts, MR), or download {URL} elsewhere, put it at {folder / ARCHIVE} "
        "and try again"
    )
    try:
        found = pooch.retrieve(URL, known_hash=f"md5:{MD5}", fname=ARCHIVE, path=folder, downloader=downloader)
    except ValueError as error:
        raise UserError(f"The downloaded {ARCHIVE} is damaged (wrong checksum) and was not kept; {instead}") from error
    except OSError as error:
        raise UserError(
            f"{ARCHIVE} could not be downloaded ({_reason(error)}); nothing was changed; {instead}"
        ) from error
    return Path(found)


def _unpack(archive: Path, cases: Path) -> None:
    with tarfile.open(archive) as tar:
        chosen = {
            (match[1], match[2]): member
            for member in tar
            if member.isfile() and (match := _MEMBER.fullmatch(member.name))
        }
        for kind in ("images", "labels"):
            with writing_folder(cases / kind) as temp:
                # only plain names that match the pattern are written, so no member can leave the folder
                for (of_kind, name), member in chosen.items():
                    if of_kind == kind and (content := tar.extractfile(member)) is not None:
                        write_new(temp / name, content.read(), durable=False)
    write_text(cases / "ATTRIBUTION.txt", ATTRIBUTION + "\n")


def _reason(error: OSError) -> str:
    return "no connection to the server" if "onnection" in type(error).__name__ else str(error)
