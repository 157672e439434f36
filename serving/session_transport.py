"""Puts together what runs a session: its state, its pipelines, its client and its tool servers."""

from __future__ import annotations

from peers.base import Peer
from peers.tapped import TappedPeer
from realtime_session import RealtimeSession
from serving.admission import Admitted
from serving.resuming import keep, noting
from telemetry.clause_log import ClauseLog
from telemetry.turn_log import TurnLog
from tool_servers.servers import McpServers
from translation.settings import TranslationSettings
from translation.transport import TranslationTransport
from transport import RealtimeTransport


def transport_of(
    admitted: Admitted, log: TurnLog, peer: Peer, opener: Peer, tool_servers: McpServers
) -> RealtimeTransport | TranslationTransport:
    """Build what runs a session.

    Args:
        admitted: The session.
        log: Its log; a `ClauseLog` if it translates.
        peer: Its client, with those that joined it.
        opener: The client alone.
        tool_servers: The MCP servers that sessions may use.
    """
    config = admitted.config
    if isinstance(config, TranslationSettings):
        assert isinstance(log, ClauseLog)
        return TranslationTransport(config, admitted.stack.pipelines, log, peer)
    send = peer.told_by(opener) if isinstance(peer, TappedPeer) else opener.send
    session = RealtimeSession(config, admitted.resumed)
    if admitted.resumed is not None:
        log.resumed(len(admitted.resumed.items))
    if admitted.kept is not None:
        keep(admitted.kept, session, config)
    return RealtimeTransport(
        session,
        admitted.stack.pipelines,
        log,
        peer,
        send if admitted.observes else None,
        send if admitted.notices else None,
        tool_servers.session(),
        noting(admitted.kept),
        admitted.passed,
    )
