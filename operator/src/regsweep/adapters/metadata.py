"""A session to the API server for whoever needs only the metadata of objects, and would hold whole ones."""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from regsweep.adapters.access import Access
from regsweep.adapters.kube import authorization_header
from regsweep.adapters.kubeapi import Resource

_METADATA_OF_ONE: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_OF_ALL: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


async def metadata_session(access: Access, resource: Resource) -> aiohttp.ClientSession:
    """A session in which lists and watches of the resource bring metadata alone. Whoever gets it closes it."""

    async def ask_for_metadata(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        if request.url.path.endswith(f"/{resource.plural}"):
            request.headers["Accept"] = _METADATA_OF_ONE if "watch" in request.url.query else _METADATA_OF_ALL
        return await send(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=access.tls(), limit=0),
        headers=await authorization_header(access),
        middlewares=(ask_for_metadata,),
    )
