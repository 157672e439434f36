"""Modules without a test file of their own, and where under `tests/` they are tested.

The protocol's behaviour is tested through the protocol, and parts of a provider through the
provider: such tests survive a restructuring of the modules.
"""

from __future__ import annotations

_BY_PROOF: dict[str, str] = {
    "conformance/test_b13_mcp_answers.py": "session/following.py",
    "conformance/test_b13_mcp_calls.py": (
        "session/mcp_calls.py session/mcp_output.py wire/mcp_events.py"
    ),
    "conformance/test_b13_mcp_lists.py": (
        "session/mcp.py session/mcp_items.py session/mcp_lists.py session/mcp_settings.py "
        "wire/mcp_fields.py"
    ),
    "conformance/test_b13_mcp_offers.py": "session/mcp_offer.py session/mcp_tools.py",
    "open_realtime_pytest/test_plugin.py": (
        "open_realtime_pytest/child.py open_realtime_pytest/double.py "
        "open_realtime_pytest/process.py"
    ),
    "serving/testing/test_routes.py": "serving/listening.py serving/testing/desk.py",
    "testing/test_rules.py": "testing/known_names.py",
    "turn_detection/test_echo_guard.py": (
        "turn_detection/echo_search.py turn_detection/echo_way.py"
    ),
    "testing/test_virtual_clock.py": (
        "serving/testing/virtual_sessions.py settings/virtual_clock.py wire/dates.py"
    ),
    "answering/test_held_response.py": "answering/outputs.py answering/runner.py",
    "e2e/test_faults.py": "answering/response_pipeline.py answering/supervision.py",
    "e2e/test_failing_processors.py": (
        "answering/response_chains.py hearing/recognition_chains.py"
    ),
    "e2e/test_own_processors.py": "answering/processed_answer.py",
    "own_processors/test_places.py": "settings/own_modules.py settings/processor_settings.py",
    "providers/in_process/test_downloads.py": "providers/in_process/soundness.py",
    "recordings/test_command.py": "recordings/__main__.py recordings/show.py",
    "recordings/test_client_test.py": "recordings/client_outcome.py",
    "recordings/test_differences.py": (
        "recordings/ids.py recordings/order.py recordings/pairing.py recordings/telling.py"
    ),
    "recordings/test_replay_command.py": (
        "recordings/address.py recordings/ignored.py recordings/posting.py recordings/replay.py "
        "recordings/replay_outcome.py"
    ),
    "recordings/test_timeline.py": "recordings/wire_audio.py",
    "serving/recording/test_hiding.py": "serving/recording/client_frames.py",
    "serving/recording/test_recorder.py": (
        "serving/recording/notes.py settings/recording_settings.py"
    ),
    "serving/test_downloading.py": (
        "providers/in_process/model_places.py settings/folders.py settings/models_settings.py"
    ),
    "test_test_client.py": (
        "clients/checked_turns.py clients/recorded_turn.py clients/speech_sample.py "
        "clients/starting_server.py clients/text_chat.py clients/verdicts.py"
    ),
    "clients/terminal/test_push_to_talk.py": (
        "clients/terminal/answering.py clients/terminal/client.py clients/terminal/user_turns.py"
    ),
    "clients/terminal/test_screen.py": (
        "clients/terminal/app.py clients/terminal/session.py clients/terminal/view.py "
        "clients/terminal/widgets.py"
    ),
    "clients/terminal/test_stack.py": "clients/terminal/details_dialog.py",
    "clients/terminal/test_transcript.py": "clients/terminal/written.py",
    "test_push_to_talk_app.py": "clients/terminal/keys.py",
    "hearing/test_cleaned_audio.py": "audio/clip.py",
    "hearing/test_turn_recognition.py": (
        "hearing/recogniser_pipeline.py providers/stt/segments.py"
    ),
    "models_http/test_app.py": (
        "models_http/engines.py models_http/metrics.py settings/model_server.py"
    ),
    "models_http/test_command.py": "models_http/__main__.py models_http/calls.py",
    "models_http/test_places.py": "providers/in_process/engine_work.py",
    "models_http/test_sound_files.py": "models_http/encoders.py",
    "models_http/test_speech.py": (
        "models_http/connection.py models_http/refusals.py models_http/server_sent_events.py "
        "models_http/speech_request.py models_http/synthesis.py"
    ),
    "models_http/test_transcription.py": "models_http/transcripts.py",
    "serving/calls/test_offers.py": "serving/multipart.py",
    "tool_servers/test_session_servers.py": (
        "session/mcp.py tool_servers/connection.py tool_servers/results.py "
        "tool_servers/transports.py"
    ),
    "settings/test_mcp_settings.py": "settings/mcp_headers.py",
    "tool_servers/test_failures.py": "tool_servers/raw_answers.py tool_servers/tools.py",
    "tool_servers/test_processes.py": "tool_servers/child.py",
    # Providers.
    "providers/assistant/test_arguments.py": "providers/assistant/schema.py",
    "providers/assistant/test_english.py": (
        "providers/assistant/texts.py providers/assistant/words.py"
    ),
    "providers/assistant/test_reply.py": "providers/assistant/conversation.py",
    "providers/test_custom_service.py": (
        "providers/base.py providers/frames.py providers/options.py "
        "providers/running_pipeline.py providers/llm/custom.py providers/llm/pipecat_services.py "
        "providers/stt/custom.py providers/stt/wishes.py providers/tts/custom.py"
    ),
    "providers/test_bounded_reply.py": "providers/http_clients.py",
    "providers/test_patience.py": "providers/errors.py providers/openai_client.py",
    "conformance/test_b3_hearing_models.py": "session/model_context.py",
    "conformance/test_b3_voice_turn.py": "session/due_turns.py",
    "providers/llm/test_contract.py": "providers/call_ids.py",
    "providers/llm/test_what_models_are_sent.py": "providers/llm/adapter_messages.py",
    "providers/llm/test_chat_dialects.py": (
        "providers/llm/chat_calls.py providers/llm/chat_stream.py providers/llm/thoughts.py"
    ),
    "providers/llm/test_gguf.py": "providers/llm/llama_process.py providers/llm/llama_worker.py",
    "e2e/test_failures.py": "providers/scripted.py providers/llm/model_base.py",
    "providers/stt/test_embedded.py": (
        "providers/stt/packaged_models.py providers/stt/whisper_loading.py "
        "providers/stt/whisper_turns.py"
    ),
    "providers/stt/test_sphinx_turns.py": (
        "providers/in_process/child_process.py providers/stt/sphinx_pool.py "
        "providers/stt/sphinx_process.py "
        "providers/stt/sphinx_worker.py"
    ),
    "providers/stt/test_realtime.py": (
        "providers/links/transcription.py providers/stt/realtime_dialects.py "
        "providers/stt/realtime_turn.py"
    ),
    "providers/stt/test_sherpa.py": (
        "providers/sherpa/catalogue.py providers/sherpa/engines.py "
        "providers/sherpa/model_files.py providers/stt/sherpa_services.py"
    ),
    "providers/stt/test_whisper.py": "providers/stt/whisper_files.py",
    "providers/tts/test_azure.py": "providers/azure_account.py providers/tts/azure_speaker.py",
    "providers/tts/test_edge.py": "providers/tts/edge_stream.py",
    "providers/tts/test_elevenlabs.py": "providers/tts/elevenlabs_wire.py",
    "providers/tts/test_embedded.py": "providers/tts/speech_engine.py providers/tts/voice_box.py",
    "providers/tts/test_piper.py": "providers/tts/local.py providers/tts/voice_base.py",
    # The server.
    "conformance/test_d1_client_secrets.py": (
        "serving/access/client_secrets.py serving/client_secret_routes.py serving/session_start.py"
    ),
    "conformance/test_d2_calls.py": ("serving/calls/routes.py telemetry/call_figures.py"),
    "conformance/test_d4_sideband.py": "serving/calls/sidebands.py",
    "serving/calls/test_relay.py": "serving/calls/whereabouts.py serving/process/seat.py",
    "serving/calls/test_call_ids.py": "serving/access/signing.py",
    "conformance/test_d7_model_names.py": "serving/model_names.py",
    "serving/test_stacks.py": "providers/shared.py serving/voice_list.py",
    "conformance/test_d7_wrong_paths.py": "serving/root_text.py serving/wrong_paths.py",
    "conformance/test_d9_console.py": "wire/console_events.py",
    "test_main.py": (
        "serving/http_errors.py serving/lifecycle.py serving/process/cores.py "
        "serving/process/server.py serving/public_routes.py"
    ),
    "providers/in_process/test_stoppable_session.py": "providers/in_process/stopping.py",
    "serving/test_first_downloads.py": (
        "providers/in_process/hub.py providers/stt/whisper_models.py"
    ),
    "serving/test_installing.py": "serving/missing.py",
    "serving/test_stack_check.py": (
        "serving/command_line.py serving/recital.py serving/stage_trials.py"
    ),
    "serving/test_stack_check_verdicts.py": "serving/check_verdicts.py serving/stage_checks.py",
    "serving/process/test_draining_server.py": (
        "serving/open_sessions.py serving/process/ending.py serving/session_transport.py"
    ),
    "telemetry/test_metrics.py": (
        "serving/operator_routes.py serving/reachability.py telemetry/shared_counts.py"
    ),
    "telemetry/test_tracing.py": "telemetry/otel_tracing.py telemetry/wordless_spans.py",
    "telemetry/test_turn_log.py": "telemetry/turn_lines.py telemetry/turn_record.py",
    "documents/test_wheel.py": "settings/installation.py",
    "requirements/test_set_up.py": (
        "settings/package_installer.py settings/pip_settings.py settings/requirement_files.py"
    ),
    "test_config.py": "settings/call_addresses.py settings/group.py settings/origins.py "
    "settings/paths.py settings/sources.py",
    "serving/test_banner.py": "serving/addresses.py serving/stack_differences.py",
    "serving/console/test_routes.py": "serving/console/state.py",
    "serving/test_handshake.py": (
        "serving/admission.py serving/refused.py serving/websocket_route.py"
    ),
    # The protocol, and its clients and peers.
    "conformance": (
        "session/content.py session/effects.py session/model_messages.py "
        "session/open_responses.py session/ports.py session/provider_checks.py session/reports.py "
        "session/response_request.py session/response_scheduler.py session/response_spec.py "
        "session/session_settings.py session/speculation.py "
        "session/transcription.py session/turn_taking.py session/user_turns.py "
        "wire/binary_parts.py wire/incoming.py wire/item_fields.py wire/reading.py "
        "wire/response_fields.py wire/session_fields.py"
    ),
    "conformance/test_b12_idle_timeout.py": "session/user_silence.py",
    "conformance/test_b14_translation.py": (
        "serving/translation_start.py telemetry/clause_log.py translation/settings.py"
    ),
    "e2e/test_translation.py": "translation/transport.py",
    "conformance/test_b17_rejoined_turns.py": "session/rejoined_turns.py",
    "conformance/test_b5_contested_turns.py": "session/contested_turns.py",
    "conformance/test_beta_dialect.py": (
        "wire/beta_reading.py wire/beta_values.py wire/beta_writing.py wire/dialect.py"
    ),
    "conformance/test_c4_turn_detection.py": "turn_detection/turn_models.py",
    "e2e/test_conversation.py": "hearing/listening.py",
    "session/test_conversation.py": "session/item_base.py session/items.py",
    "session/test_response.py": "session/output_item.py",
    "turn_detection/test_judged_pauses.py": "turn_detection/pause_rule.py",
    "test_protocol.py": "wire/envelope.py wire/ids.py",
    "test_transport.py": (
        "hearing/session_recogniser.py peers/base.py peers/serving.py peers/websocket.py"
    ),
    "peers/webrtc/test_link.py": "peers/webrtc/tracks.py",
    "peers/webrtc/test_loudspeaker.py": "peers/webrtc/codecs.py",
    "peers/webrtc/test_offer.py": "peers/webrtc/sdp.py",
    "peers/webrtc/test_peer.py": "peers/webrtc/figures.py",
    "turn_detection/test_end_pointing.py": ("session/decisions.py turn_detection/speaker_level.py"),
    "session/test_playback.py": "wire/media.py",
    "serving/process/test_uvicorn_websocket.py": "peers/connection.py",
    "serving/store/test_leases.py": (
        "serving/store/lease_commands.py serving/store/link.py serving/store/shared.py"
    ),
    "serving/resuming": (
        "serving/resuming.py serving/store/kept_commands.py serving/store/kept_sessions.py "
        "serving/store/sealing.py"
    ),
    "upstream/test_passing_on.py": "providers/links/passing_on.py",
    "upstream/test_loading.py": (
        "settings/upstream.py upstream/keys.py upstream/openai/service.py upstream/service.py "
        "upstream/session_pipelines.py"
    ),
    "upstream/google/test_failures.py": "upstream/google/closing.py",
    "upstream/google/test_loading.py": "upstream/google/service.py",
    "upstream/google/test_session.py": (
        "upstream/google/conversation.py upstream/google/live.py upstream/google/wire.py"
    ),
    "upstream/openai/test_failures.py": (
        "providers/links/failures.py providers/links/link.py providers/links/realtime_link.py "
        "upstream/failures.py"
    ),
    "upstream/openai/test_session.py": (
        "upstream/turn_input.py upstream/openai/responses.py upstream/openai/turns.py "
        "upstream/openai/wire.py"
    ),
    "upstream/test_slow_clients.py": "upstream/generation.py",
    "wire/test_server_events.py": (
        "wire/event_record.py wire/response_events.py wire/session_events.py"
    ),
}
"""Test file or folder → the modules that it tests."""

PROVEN_ELSEWHERE = {
    module: proof for proof, modules in _BY_PROOF.items() for module in modules.split()
}
"""Module → a file or folder under `tests/`."""
