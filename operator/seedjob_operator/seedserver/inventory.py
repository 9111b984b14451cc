"""What this platform has: the room of each region, and the largest machine of each GPU type. Declared, not detected.

The file (YAML; what is left out has the default, which `GET /_inventory` shows):

    regions:                  # other regions than those named have nothing
      us-east-1: {gpus: {L4: 16, T4: 0}, cpu: 192, memory_gb: 1024}
    machines:                 # the most that one node can have, by GPU type
      none: {gpu_count: 0, cpu: 64, memory_gb: 256}
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seedjob_operator.seedapi import wire

_Amount = Annotated[int, Field(ge=0, le=1_000_000)]


class InventoryError(Exception):
    """The file can't be used. The message is one line that names the place."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Region(_Declared):
    """The room of a region: GPUs by type, where a type that isn't named has the default; vCPUs; memory."""

    gpus: dict[wire.GpuType, _Amount] = Field(default_factory=dict)
    cpu: _Amount = 96
    memory_gb: _Amount = 512

    def gpus_of(self, gpu: str) -> int:
        """Give the number of GPUs of a type."""
        return 0 if gpu == "none" else next((count for kind, count in self.gpus.items() if kind == gpu), 8)


class Machine(_Declared):
    """The largest machine there is with GPUs of a type: what one node can have."""

    gpu_count: _Amount = 8
    cpu: _Amount = 96
    memory_gb: _Amount = 512


def _machines() -> dict[wire.GpuType, Machine]:
    return {gpu: Machine(gpu_count=0 if gpu == "none" else 8) for gpu in wire.CreateJob.GPU_TYPES}  # type: ignore[misc]  # the words of GpuType


def _regions() -> dict[wire.Region, Region]:
    return {region: Region() for region in wire.CreateJob.REGIONS}  # type: ignore[misc]  # the words of Region


class Inventory(_Declared):
    """All of it. The default lets every combination of the contract's values run on some machine."""

    regions: dict[wire.Region, Region] = Field(default_factory=_regions)
    machines: dict[wire.GpuType, Machine] = Field(default_factory=_machines)

    def region(self, name: str) -> Region:
        """Give a region; one that isn't declared has nothing."""
        nothing = Region(gpus=dict.fromkeys(_machines(), 0), cpu=0, memory_gb=0)
        return next((region for known, region in self.regions.items() if known == name), nothing)

    def machine(self, gpu: str) -> Machine:
        """Give the largest machine with GPUs of a type; where the file says nothing, the default's."""
        declared = _machines() | self.machines
        return next(machine for known, machine in declared.items() if known == gpu)

    def published(self) -> str:
        """Give the whole as JSON, every default written out."""
        whole = Inventory(
            regions={
                name: region.model_copy(
                    update={"gpus": {gpu: region.gpus_of(gpu) for gpu in _machines() if gpu != "none"}}
                )
                for name, region in self.regions.items()
            },
            machines=_machines() | self.machines,
        )
        return whole.model_dump_json()


def read_inventory(path: Path) -> Inventory:
    """Read the file.

    Raises:
        InventoryError: it can't be read, or says something else than an inventory.
    """
    try:
        content = yaml.safe_load(path.read_text())
        return Inventory.model_validate({} if content is None else content)
    except OSError as error:
        raise InventoryError(f"can't be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InventoryError(f"is not YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(_words(first["loc"])) or "the file"
        raise InventoryError(f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def _words(place: Iterable[int | str]) -> list[str]:
    return [str(part) for part in place if part != "[key]"]
