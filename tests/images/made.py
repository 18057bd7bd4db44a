"""What `cargo xtask dist` has made, and the static programs that it was made from."""

import dataclasses
import hashlib
import io
import os
import re
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/containers.md"


@dataclasses.dataclass(frozen=True)
class Made:
    """The folder of the packages, and that of the static programs."""

    folder: Path
    programs: Path

    @classmethod
    def from_environment(cls):
        folder, programs = (os.environ.get(name) for name in ("STANDPIPE_DIST", "STANDPIPE_STATIC_BINARIES"))
        return cls(Path(folder), Path(programs)) if folder and programs else None

    def file(self, pattern):
        """The only file whose name fits."""
        [found] = self.folder.glob(pattern)
        return found

    @property
    def version(self):
        return re.fullmatch(r"standpipe_(.+)_amd64\.deb", self.file("*.deb").name)[1]

    @property
    def image(self):
        """The name of the image, once it is loaded."""
        return f"localhost/standpipe:{self.version}"


def members(archive):
    """The members of a tar archive, with their bytes: {path: (information, bytes)}."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        found = {}
        for member in opened:
            file = opened.extractfile(member)
            found[member.name] = (member, file.read() if file else None)
        return found


def blob(layout, descriptor):
    """The bytes that a descriptor names, which must have its size and its digest."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    _, found = layout[f"blobs/{algorithm}/{digest}"]
    assert hashlib.new(algorithm, found).hexdigest() == digest and len(found) == descriptor["size"]
    return found


def block(kind, document=GUIDE):
    """The only block of a document that is in a language."""
    [found] = re.findall(rf"^```{kind}\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return found
