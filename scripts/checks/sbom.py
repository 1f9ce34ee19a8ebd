"""`make sbom`: what is in every image, read from its files and written as CycloneDX 1.6."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.checks import packages
from scripts.host import apt, environment, images
from scripts.host.compose import docker
from scripts.host.console import Phases, columns, info
from scripts.host.faults import Fault, Refused

FOLDER = Path("build/sbom")
STATUS = "var/lib/dpkg/status"
RELEASES = ("etc/os-release", "usr/lib/os-release")
METADATA = re.compile(r"(.*)/[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)")
MANIFEST = re.compile(r"(.*/node_modules/(?:@[^/]+/)?[^/]+)/package\.json")
# What Debian's own packages put there is in dpkg's status already.
DEBIAN_PYTHON = "usr/lib/python3/dist-packages"
PROGRAMS = "usr/local/bin/"


@dataclass
class Contents:
    """An image, its Debian release (the keys of os-release) and all that is installed in it."""

    image: str
    id: str
    release: dict[str, str] = field(default_factory=dict)
    debian: list[packages.Debian] = field(default_factory=list)
    python: list[packages.Python] = field(default_factory=list)
    node: list[packages.Node] = field(default_factory=list)
    binaries: list[packages.Binary] = field(default_factory=list)

    @property
    def modules(self) -> list[packages.Module]:
        return [module for each in self.binaries for module in each.modules]

    @property
    def file(self) -> Path:
        """Where its document goes: build/sbom/web.cdx.json."""
        name = self.image.removeprefix("timestack/").replace(":", "-")
        return FOLDER / f"{name}.cdx.json"


def sbom(root: Path) -> int:
    """Write and validate one document an image; print what each holds."""
    found = read_all()
    files = write(root, found)
    rows = [("image", "Debian", "Python", "npm", "Go modules", "file")]
    for each in found:
        counts = (len(each.debian), len(each.python), len(each.node), len(each.modules))
        rows.append((each.image, *map(str, counts), str(each.file)))
    info("")
    info(columns(rows, right={1, 2, 3, 4}))
    faults = invalid(files)
    for file, fault in faults.items():
        print(f"x {file}: not CycloneDX 1.6: {fault}", file=sys.stderr)
    if not faults:
        info(f"  {len(files)} documents, each valid CycloneDX 1.6")
    return 1 if faults else 0


def invalid(files: list[Path]) -> dict[Path, str]:
    """What is wrong with each file that is not valid CycloneDX 1.6."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    faults = {file: validator.validate_str(file.read_text()) for file in files}
    return {file: str(fault) for file, fault in faults.items() if fault}


def read_all() -> list[Contents]:
    """The contents of every image of ours that the engine has; Refused if it has none."""
    names = ours()
    if not names:
        what = "the engine has no image timestack/*, or does not answer"
        raise Refused([Fault("images", what, "build them: make up")], untouched=True)
    found = []
    with Phases().phase("images") as phase:
        for number, name in enumerate(names, 1):
            phase.status = f"{name}, {number} of {len(names)}"
            found.append(read(name))
        phase.result = f"{len(found)} read"
    return found


def ours() -> list[str]:
    """Our images by name, sorted; `:latest` is left out of the name."""
    form = "{{.Repository}}:{{.Tag}}"
    names = docker("image", "ls", "--filter", "reference=timestack/*", "--format", form)
    return sorted({name.removesuffix(":latest") for name in names.split() if "<none>" not in name})


def read(image: str) -> Contents:
    """The contents of one image. Its programs do not run: its files are read as they are stored."""
    contents = Contents(image, images.image_id(image))
    # Compose's labels come with the image: without the empty one it would take this for its own.
    made = docker(
        *("create", "--network", "none", "--label", "com.docker.compose.project=", image, "true")
    ).strip()
    if not made:
        raise Refused([Fault(image, "no container can be made from it", f"docker create {image}")])
    try:
        with subprocess.Popen(["docker", "export", made], stdout=subprocess.PIPE) as export:
            for name, content in _files(export.stdout):
                _note(contents, name, content)
    finally:
        docker("rm", "-v", made)
    if not contents.debian:
        what = f"{STATUS} is not in it or cannot be read: not an image of Debian's kind"
        raise Refused([Fault(image, what, f"docker export it and look for {STATUS}")])
    vendor = contents.release.get("ID", "debian")
    contents.debian = [replace(each, vendor=vendor) for each in contents.debian]
    contents.python.sort(key=lambda each: (str(each.purl), each.place))
    contents.node.sort(key=lambda each: (str(each.purl), each.place))
    contents.binaries.sort(key=lambda each: each.place)
    return contents


def _files(stream) -> Iterator[tuple[str, bytes]]:
    """The files that say what is installed, each with its path from the root."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            wanted = name == STATUS or name in RELEASES or name.startswith(PROGRAMS)
            if member.isreg() and (wanted or METADATA.fullmatch(name) or MANIFEST.fullmatch(name)):
                file = archive.extractfile(member)
                yield name, file.read() if file else b""


def _note(contents: Contents, name: str, content: bytes) -> None:
    metadata = METADATA.fullmatch(name)
    if name == STATUS:
        contents.debian = packages.debian(content.decode())
    elif name in RELEASES:
        contents.release = apt.keys(content.decode())
    elif metadata and metadata[1] != DEBIAN_PYTHON:
        found = packages.python(content.decode(errors="replace"), metadata[1])
        contents.python += [found] if found else []
    elif manifest := MANIFEST.fullmatch(name):
        package = packages.node(content.decode(), manifest[1])
        contents.node += [package] if package else []
    elif name.startswith(PROGRAMS):
        program = packages.binary(content, name)
        contents.binaries += [program] if program else []


def write(root: Path, found: list[Contents]) -> list[Path]:
    """One file per image, and none of a removed image; returns the files."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for each in found:
        file = root / each.file
        environment.replace(
            file, JsonV1Dot6(document(each)).output_as_string(indent=1) + "\n", 0o644
        )
        files.append(file)
    for file in folder.glob("*.cdx.json"):
        if file not in files:
            file.unlink()
    return files


def document(contents: Contents) -> Bom:
    """The CycloneDX document: the same for the same image, but for serial number and time."""
    components: dict[str, Component] = {}
    for each in (
        *map(_debian, contents.debian),
        *map(_python, contents.python),
        *map(_node, contents.node),
        *(part for program in contents.binaries for part in _binary(program)),
    ):
        # The same version in two places, as tools that bring their own copies have it, is one.
        known = components.setdefault(each.bom_ref.value, each)
        known.evidence.occurrences.update(each.evidence.occurrences)
    image = Component(
        bom_ref=contents.image,
        type=ComponentType.CONTAINER,
        name=contents.image,
        version=contents.id,
    )
    tool = Component(type=ComponentType.APPLICATION, name="timestack make sbom")
    listed = [_system(contents.release), *components.values()]
    bom = Bom(
        metadata=BomMetaData(
            component=image,
            lifecycles=[PredefinedLifecycle(LifecyclePhase.POST_BUILD)],
            tools=ToolRepository(components=[tool]),
        ),
        components=listed,
    )
    bom.register_dependency(image, listed)
    return bom


def _system(release: dict[str, str]) -> Component:
    return Component(
        bom_ref="operating-system",
        type=ComponentType.OPERATING_SYSTEM,
        name=release.get("ID", "debian"),
        version=release.get("VERSION_ID", "unknown"),
    )


def _component(
    of: packages.Debian | packages.Python | packages.Node | packages.Module, place: str, **more
) -> Component:
    return Component(
        bom_ref=of.purl.to_string(),
        name=of.name,
        version=of.version,
        purl=of.purl,
        # Named by its place, or the library would give it another random name each time.
        evidence=ComponentEvidence(
            occurrences=[Occurrence(bom_ref=f"{of.purl}#/{place}", location=f"/{place}")]
        ),
        **more,
    )


def _debian(package: packages.Debian) -> Component:
    source = {"source": package.source, "source-version": package.source_version}
    properties = [Property(name=f"timestack:debian:{key}", value=source[key]) for key in source]
    return _component(package, STATUS, properties=properties)


def _python(distribution: packages.Python) -> Component:
    licences = []
    if distribution.expression:
        licences = [LicenseExpression(distribution.licence)]
    elif distribution.licence:
        licences = [DisjunctiveLicense(name=distribution.licence)]
    return _component(distribution, distribution.place, licenses=licences)


def _node(package: packages.Node) -> Component:
    licences = [LicenseExpression(package.licence)] if package.licence else []
    return _component(package, package.place, licenses=licences)


def _binary(program: packages.Binary) -> Iterator[Component]:
    digest = HashType(alg=HashAlgorithm.SHA_256, content=program.sha256)
    yield _component(program.main, program.place, type=ComponentType.APPLICATION, hashes=[digest])
    yield from (_component(module, program.place) for module in program.modules)
