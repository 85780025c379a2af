"""Services of containers: a stateless one, whose replicas come and go behind a balancer, and a stateful one, whose
data are saved and restored."""

from voltutor.services.all import stateful, stateless
from voltutor.services.answers import Answer, parse, spread
from voltutor.services.backup import About, BadBackup, Manifest, Packing, chunks, read_manifest, verify
from voltutor.services.deploy import Deploy
from voltutor.services.saving import Backup, Saved, backup_path, backups, recover
from voltutor.services.scaling import Scaler
from voltutor.services.stateful import SIZE_LABEL, Room, Store, declared, look_at, used, volume_of
from voltutor.services.web import (
    MOST,
    NUMBERS,
    Heal,
    Load,
    SaveLog,
    Scale,
    ScaleByLoad,
    Service,
    address,
    answers,
    front,
    log_path,
    look,
    replica,
    under_way,
)

__all__ = [
    "MOST",
    "NUMBERS",
    "SIZE_LABEL",
    "About",
    "Answer",
    "Backup",
    "BadBackup",
    "Deploy",
    "Heal",
    "Load",
    "Manifest",
    "Packing",
    "Room",
    "SaveLog",
    "Saved",
    "Scale",
    "ScaleByLoad",
    "Scaler",
    "Service",
    "Store",
    "address",
    "answers",
    "backup_path",
    "backups",
    "chunks",
    "declared",
    "front",
    "log_path",
    "look",
    "look_at",
    "parse",
    "read_manifest",
    "recover",
    "replica",
    "spread",
    "stateful",
    "stateless",
    "under_way",
    "used",
    "verify",
    "volume_of",
]
