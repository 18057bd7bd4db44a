"""The C# programs of this folder, compiled, and the runtimes that run them."""

import json
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
PROGRAMS = ("server", "client")

# What the programs use; mono's compiler reads these assemblies of 3.1, and not those of 8.0.
ASSEMBLIES = (
    "System.Private.CoreLib",
    "System.Runtime",
    "System.Runtime.Extensions",
    "System.IO.Pipes",
    "System.Console",
    "System.Threading.Thread",
    "System.Diagnostics.Process",
    "System.ComponentModel.Primitives",
)

CONFIGURATION = {
    "runtimeOptions": {
        "rollForward": "LatestMajor",
        "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
        "configProperties": {"System.Globalization.Invariant": True},
    }
}

NET = "net8"
MONO = "mono"


class Runtimes:
    """Everything compiled for .NET and for mono, in a folder that every user can read."""

    def __init__(self, packages, folder):
        self.folder = folder
        self.dotnet = packages / "dnv/net/runtime/.net/dotnet"
        self.references = packages / "dotnetcore2/bin/shared/Microsoft.NETCore.App/3.1.23"
        for program in PROGRAMS:
            self.compile_for_net(program)
            self.mcs("-r:System.Core", f"-out:{folder / program}.exe", SOURCES / f"{program}.cs")

    def compile_for_net(self, program):
        references = [f"-r:{self.references / name}.dll" for name in ASSEMBLIES]
        options = ("-nostdlib", "-noconfig", "-nowarn:1702", f"-out:{self.folder / program}.dll")
        self.mcs(*options, *references, SOURCES / f"{program}.cs")
        (self.folder / f"{program}.runtimeconfig.json").write_text(json.dumps(CONFIGURATION))

    def mcs(self, *arguments):
        subprocess.run(["mcs", "-nologo", *map(str, arguments)], check=True)

    def command(self, runtime, program, *arguments):
        """The words that run a program."""
        if runtime == MONO:
            words = [shutil.which("mono"), self.folder / f"{program}.exe"]
        else:
            words = [self.dotnet, self.folder / f"{program}.dll"]
        return [str(word) for word in (*words, *arguments)]
