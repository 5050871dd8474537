"""Takes 30 million bytes with the smallest window and packets that paramiko allows, after it stood still for a while."""

import sys
import time

import paramiko

PORT, LOGIN = int(sys.argv[1]), sys.argv[2]

transport = paramiko.Transport(("127.0.0.1", PORT), default_window_size=32768, default_max_packet_size=4096)
transport.start_client(timeout=30)
transport.auth_publickey(f"{LOGIN}@web1", paramiko.Ed25519Key(filename="id_ed25519"))
channel = transport.open_session()
channel.exec_command("head -c 30000000 /dev/zero")
time.sleep(4)
count = 0
while data := channel.recv(65536):
    count += len(data)
print(count)
transport.close()
