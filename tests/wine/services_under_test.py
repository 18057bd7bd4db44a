"""The services that the tests let Standpipe run: how each is installed, and what it answers."""

import dataclasses
import json
import shutil
from collections.abc import Callable

from prefix import to_windows


@dataclasses.dataclass(frozen=True)
class Service:
    """A service of Windows, and a call that it answers."""

    # Its name in the service control manager, that of its pipe, and what its process's command line contains.
    name: str
    pipe: str
    program: str
    request: bytes
    reply: Callable[[bytes], bool]
    # Makes its files in an instance's folder, and returns the startup tasks that install it.
    prepare: Callable
    # The variable that names the file in which it writes down what it saw, if it does.
    log: str | None = None
    # Whether its pipe's own access list keeps guests out.
    guarded: bool = True


def simple(tools, folder, _in_folder):
    shutil.copy(tools.windows_binaries / "simple-service.exe", folder)
    return [["./simple-service.exe", "-install"]]


def single(tools, folder, _in_folder):
    shutil.copy(tools.programs / "services/single.exe", folder)
    return [["./single.exe", "-install"]]


def net(tools, folder, _in_folder):
    """Installed by a batch file, as on Azure. The second time, `sc` says that the service exists."""
    runtime = tools.programs / "dotnet/runtime/dnv/net/runtime/.net/dotnet.exe"
    for file in ("NetService.dll", "NetService.runtimeconfig.json"):
        shutil.copy(tools.programs / "services" / file, folder)
    program = f'{to_windows(runtime)} {to_windows(folder / "NetService.dll")}'
    (folder / "install.cmd").write_text(
        f'@echo off\r\nsc create NetService binPath= "{program}" start= demand\r\nexit /b 0\r\n'
    )
    return [["./install.cmd"]]


def python(tools, _folder, in_folder):
    """Installed by its own command."""
    python = tools.programs / "python/python.exe"
    demo = tools.programs / "python/sp/win32/Demos/service/pipeTestService.py"
    return [[in_folder(python), to_windows(demo), "install"]]


SIMPLE = Service(
    "SimpleService", "simple", "simple-service.exe", b"Hello\0", lambda reply: reply == b"olleH", simple
)
SINGLE = Service(
    "Single",
    "single",
    "single.exe",
    b"somebody",
    lambda reply: len(reply) == 180 and reply.startswith(b"Hello! [somebody]\0"),
    single,
    log="SINGLE_LOG",
)
NET = Service(
    "NetService", "net", "NetService.dll", b"Hello", lambda reply: reply == b"olleH", net, log="NET_SERVICE_LOG"
)
PYTHON = Service(
    "PyPipeTestService",
    "PyPipeTest",
    "pythonservice.exe",
    b"Hello",
    lambda reply: reply.endswith(b"sent me b'Hello'"),
    python,
    guarded=False,  # its list lets everybody in
)
SERVICES = (SIMPLE, SINGLE, NET, PYTHON)


def instance(kind, tools, folder, service, more=""):
    """An instance of a role with this service."""

    def in_folder(path):
        return to_windows(path) if kind.within else str(path)

    log = f'environment = {{ {service.log} = {json.dumps(to_windows(folder / "seen.txt"))} }}\n' if service.log else ""
    return kind(
        tools,
        folder,
        pipe=service.pipe,
        service=f'name = "{service.name}"\n{log}{more}',
        install=service.prepare(tools, folder, in_folder),
    )
