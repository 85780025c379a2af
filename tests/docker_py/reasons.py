"""What of docker-py's tests passes on Docker and not on the embedded engine, and why."""

_NETWORKS = "networks of one's own are refused by name"
_UPDATE = "limits and restart policies are not among what storage needs; refused by name"
_SHARED = "each container has its own namespaces; sharing the host's is refused by name"
_LINKS = "links between containers are refused by name"
_GROUPS = "one group id is mapped; further groups are refused by name"

REASONS = {
    "ContainerCollectionTest.test_run_with_network": _NETWORKS,
    "ContainerCollectionTest.test_run_with_networking_config": _NETWORKS,
    "ContainerCollectionTest.test_run_with_networking_config_only_undeclared_network": _NETWORKS,
    "ContainerCollectionTest.test_run_with_networking_config_with_undeclared_network": _NETWORKS,
    "ContainerTest.test_top": "`docker top` is not among what storage needs; refused by name",
    "ContainerTest.test_update": _UPDATE,
    "ContainerUpdateTest.test_restart_policy_update": _UPDATE,
    "ContainerUpdateTest.test_update_container": _UPDATE,
    "CreateContainerTest.test_create_with_cpu_rt_options": "the key is spelled CPURealtimeRuntime, as Go allows",
    "CreateContainerTest.test_create_with_host_pid_mode": _SHARED,
    "CreateContainerTest.test_create_with_links": _LINKS,
    "CreateContainerTest.test_create_with_restart_policy": _UPDATE,
    "CreateContainerTest.test_create_with_uts_mode": _SHARED,
    "CreateContainerTest.test_group_id_ints": _GROUPS,
    "CreateContainerTest.test_group_id_strings": _GROUPS,
    "CreateContainerTest.test_invalid_log_driver_raises_exception": "a log driver is refused in words of its own",
    "ExecTest.test_exec_command_as_user": "one user id is mapped; another user is refused by name",
    "LinkTest.test_remove_link": _LINKS,
}
