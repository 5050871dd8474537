"""Reaches the target web1 with paramiko, by the user name and through a jump, and prints what was seen."""

import json
import sys

import paramiko

PORT, LOGIN, THERE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
BASTION = "127.0.0.1"
KEY = {"key_filename": "id_ed25519", "allow_agent": False, "look_for_keys": False, "timeout": 30}


def connect(host, port, user, channel=None):
    client = paramiko.SSHClient()
    client.load_host_keys("known")
    client.connect(host, port, user, sock=channel, **KEY)
    return client


def by_name():
    return connect(BASTION, PORT, f"{LOGIN}@web1")


def by_jump():
    jump = connect(BASTION, PORT, "alice")
    channel = jump.get_transport().open_channel("direct-tcpip", ("web1", 22), (BASTION, 0))
    client = connect("web1", 22, LOGIN, channel)
    client.jump = jump
    return client


def look(client, name):
    seen = {}
    given, output, error = client.exec_command("cat; echo err >&2; exit 7")
    given.write("a line\n")
    given.channel.shutdown_write()
    seen["output"] = output.read().decode()
    seen["error"] = error.read().decode()
    seen["status"] = output.channel.recv_exit_status()
    _, output, _ = client.exec_command("echo $LANG", environment={"LANG": "de_DE.UTF-8"})
    seen["environment"] = output.read().decode()
    _, output, _ = client.exec_command("stty size", get_pty=True)
    seen["size"] = output.read().decode().replace("\r\n", "\n")
    with client.open_sftp() as sftp:
        sftp.put("sent", f"{THERE}/{name}.part")
        sftp.rename(f"{THERE}/{name}.part", f"{THERE}/{name}")
        seen["listed"] = name in sftp.listdir(THERE)
        sftp.get(f"{THERE}/{name}", name)
    return seen


clients = {"name": by_name(), "jump": by_jump()}
print(json.dumps({name: look(client, name) for name, client in clients.items()}))
for client in clients.values():
    client.close()
clients["jump"].jump.close()
