"""Reaches the target web1 with asyncssh, by the user name and through a jump, and prints what was seen."""

import asyncio
import json
import sys

import asyncssh

PORT, LOGIN, THERE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
BASTION = "127.0.0.1"
OPTIONS = {"client_keys": ["id_ed25519"], "known_hosts": "known", "config": None, "agent_path": None}


async def look(connection, name):
    seen = {}
    done = await connection.run("cat; echo err >&2; exit 7", input="a line\n")
    seen["output"], seen["error"], seen["status"] = done.stdout, done.stderr, done.exit_status
    done = await connection.run("echo $LANG", env={"LANG": "de_DE.UTF-8"})
    seen["environment"] = done.stdout

    trap = "trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.1; done"
    program = await connection.create_process(trap)
    await program.stdout.readline()
    program.send_signal("USR1")
    done = await program.wait()
    seen["caught"] = [done.stdout, done.exit_status]

    program = await connection.create_process("echo ready; exec sleep 1000")
    await program.stdout.readline()
    program.send_signal("TERM")
    seen["ended_by"] = (await program.wait()).exit_signal[0]

    seen["sizes"] = await sizes(connection)
    commands = [connection.run(f"exit {number}") for number in range(10)]
    seen["parallel"] = [done.exit_status for done in await asyncio.gather(*commands)]

    async with connection.start_sftp_client() as sftp:
        await sftp.put("sent", f"{THERE}/{name}.part")
        await sftp.rename(f"{THERE}/{name}.part", f"{THERE}/{name}")
        seen["listed"] = name in await sftp.listdir(THERE)
        await sftp.get(f"{THERE}/{name}", name)
    return seen


async def sizes(connection):
    """The sizes that a terminal has at first and after it was changed."""
    shell = await connection.create_process(term_type="xterm", term_size=(80, 24))
    found = []
    for expected, following in (("24 80", (99, 33)), ("33 99", (80, 24))):
        shell.stdin.write("stty size\n")
        shown = ""
        while expected not in shown:
            shown += await shell.stdout.read(1000)
        found.append(expected)
        shell.change_terminal_size(*following)
    shell.stdin.write("exit\n")
    await shell.wait()
    return found


async def main():
    seen = {}
    async with asyncssh.connect(BASTION, PORT, username=f"{LOGIN}@web1", **OPTIONS) as connection:
        seen["name"] = await look(connection, "name")
    async with asyncssh.connect(BASTION, PORT, username="alice", **OPTIONS) as jump:
        async with jump.connect_ssh("web1", username=LOGIN, **OPTIONS) as connection:
            seen["jump"] = await look(connection, "jump")
    print(json.dumps(seen))


asyncio.run(asyncio.wait_for(main(), 35))
