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
        if not request.url.path.endswith(f"/{resource.plural}"):
            return await send(request)
        if "watch" in request.url.query:
            request.headers["Accept"] = _METADATA_OF_ONE
            return await send(request)
        request.headers["Accept"] = _METADATA_OF_ALL
        answer = await send(request)
        if answer.ok and (await answer.json())["items"] is None:  # none, where a whole list would have an empty one
            request.headers["Accept"] = "application/json"
            answer = await send(request)
        return answer

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=access.tls(), limit=0),
        headers=await authorization_header(access),
        middlewares=(ask_for_metadata,),
    )
