"""Where settings come from, beside config.py, which says what they are.

Other wings may enter by the modules in `__all__`.
"""

from settings.silent_libraries import silence

__all__ = [
    "call_addresses",
    "columns",
    "extras",
    "first_signal",
    "group",
    "arguments",
    "provider_declarations",
    "installation",
    "languages",
    "localisation",
    "masks",
    "mcp_headers",
    "mcp_hosts",
    "mcp_settings",
    "model_server",
    "openai_variables",
    "origins",
    "own_modules",
    "package_installer",
    "paths",
    "pip_settings",
    "plain_words",
    "processor_settings",
    "requirement_files",
    "sources",
    "stacks",
    "store_url",
    "translation",
    "upstream",
]

silence()
