"""French. Participles would have to agree with a gender that is not known, so people are the subject of other verbs."""

from __future__ import annotations

import re
from typing import Final

from .record import Language, Texts

__all__ = ["FRENCH"]

_VOWELS = tuple("aeiouàâäæéèêëîïôöœùûü")


def _de(name: str) -> str:
    """``d’Okafor``, ``de Whitfield``."""
    return f"d’{name}" if name.lower().startswith(_VOWELS) else f"de {name}"


def _spaced(text: str) -> str:
    """``text`` whose spaces beside marks are those at which no line ends: narrow ones before ``;``, ``!`` and ``?``."""
    return re.sub(r" (?=[;!?])", "\N{NARROW NO-BREAK SPACE}", re.sub(r" (?=[:»])|(?<=«) ", "\N{NO-BREAK SPACE}", text))


_FORMS: Final = {"de": _de}

_TEXTS: Texts = {
    # Ranks
    "promotion.created": (
        "Promotion : {member} passe au grade {rank:de}",
        "{member} reçoit une promotion",
        "Promotion : un membre passe au grade {rank:de}",
        "Un membre reçoit une promotion",
    ),
    "promotion.updated": (
        "La promotion {member:de} au grade {rank:de} a été modifiée",
        "La promotion {member:de} a été modifiée",
        "La promotion d’un membre au grade {rank:de} a été modifiée",
        "La promotion d’un membre a été modifiée",
    ),
    "promotion.deleted": (
        "La promotion {member:de} au grade {rank:de} a été annulée",
        "La promotion {member:de} a été annulée",
        "La promotion d’un membre au grade {rank:de} a été annulée",
        "La promotion d’un membre a été annulée",
    ),
    "demotion.created": (
        "Rétrogradation : {member} passe au grade {rank:de}",
        "{member} fait l’objet d’une rétrogradation",
        "Rétrogradation : un membre passe au grade {rank:de}",
        "Un membre fait l’objet d’une rétrogradation",
    ),
    "demotion.updated": (
        "La rétrogradation {member:de} au grade {rank:de} a été modifiée",
        "La rétrogradation {member:de} a été modifiée",
        "La rétrogradation d’un membre au grade {rank:de} a été modifiée",
        "La rétrogradation d’un membre a été modifiée",
    ),
    "demotion.deleted": (
        "La rétrogradation {member:de} au grade {rank:de} a été annulée",
        "La rétrogradation {member:de} a été annulée",
        "La rétrogradation d’un membre au grade {rank:de} a été annulée",
        "La rétrogradation d’un membre a été annulée",
    ),
    "lateral.created": (
        "Nomination latérale : {member} passe au grade {rank:de}",
        "{member} fait l’objet d’une nomination latérale",
        "Nomination latérale : un membre passe au grade {rank:de}",
        "Un membre fait l’objet d’une nomination latérale",
    ),
    "lateral.updated": (
        "La nomination latérale {member:de} au grade {rank:de} a été modifiée",
        "La nomination latérale {member:de} a été modifiée",
        "La nomination latérale d’un membre au grade {rank:de} a été modifiée",
        "La nomination latérale d’un membre a été modifiée",
    ),
    "lateral.deleted": (
        "La nomination latérale {member:de} au grade {rank:de} a été annulée",
        "La nomination latérale {member:de} a été annulée",
        "La nomination latérale d’un membre au grade {rank:de} a été annulée",
        "La nomination latérale d’un membre a été annulée",
    ),
    "transfer.created": (
        "Transfert : {member} porte désormais le grade {rank:de}",
        "{member} fait l’objet d’un transfert",
        "Transfert : un membre porte désormais le grade {rank:de}",
        "Un membre fait l’objet d’un transfert",
    ),
    "transfer.updated": (
        "Le transfert {member:de} au grade {rank:de} a été modifié",
        "Le transfert {member:de} a été modifié",
        "Le transfert d’un membre au grade {rank:de} a été modifié",
        "Le transfert d’un membre a été modifié",
    ),
    "transfer.deleted": (
        "Le transfert {member:de} au grade {rank:de} a été annulé",
        "Le transfert {member:de} a été annulé",
        "Le transfert d’un membre au grade {rank:de} a été annulé",
        "Le transfert d’un membre a été annulé",
    ),
    # A rank record that does not say which of these it is
    "rank.created": (
        "{member} porte désormais le grade {rank:de}",
        "Le grade {member:de} a été modifié",
        "Un membre porte désormais le grade {rank:de}",
        "Le grade d’un membre a été modifié",
    ),
    "rank.updated": ("Une fiche de grade {member:de} a été modifiée", "Une fiche de grade d’un membre a été modifiée"),
    "rank.deleted": ("Une fiche de grade {member:de} a été annulée", "Une fiche de grade d’un membre a été annulée"),
    # Awards and qualifications
    "award.created": (
        "{member} reçoit la distinction « {award} »",
        "{member} reçoit une distinction",
        "Un membre reçoit la distinction « {award} »",
        "Un membre reçoit une distinction",
    ),
    "award.updated": (
        "La distinction « {award} » attribuée à {member} a été modifiée",
        "Une distinction attribuée à {member} a été modifiée",
        "La distinction « {award} » attribuée à un membre a été modifiée",
        "Une distinction attribuée à un membre a été modifiée",
    ),
    "award.deleted": (
        "La distinction « {award} » attribuée à {member} a été retirée",
        "Une distinction attribuée à {member} a été retirée",
        "La distinction « {award} » attribuée à un membre a été retirée",
        "Une distinction attribuée à un membre a été retirée",
    ),
    "qualification.created": (
        "{member} obtient la qualification « {qualification} »",
        "{member} obtient une qualification",
        "Un membre obtient la qualification « {qualification} »",
        "Un membre obtient une qualification",
    ),
    "qualification.updated": (
        "La qualification « {qualification} » {member:de} a été modifiée",
        "Une qualification {member:de} a été modifiée",
        "La qualification « {qualification} » d’un membre a été modifiée",
        "Une qualification d’un membre a été modifiée",
    ),
    "qualification.deleted": (
        "La qualification « {qualification} » {member:de} a été retirée",
        "Une qualification {member:de} a été retirée",
        "La qualification « {qualification} » d’un membre a été retirée",
        "Une qualification d’un membre a été retirée",
    ),
    # Assignments
    "assignment.created": (
        "{member} rejoint l’unité {unit} au poste {position:de}",
        "{member} rejoint l’unité {unit}",
        "{member} prend le poste {position:de}",
        "{member} reçoit une nouvelle affectation",
        "Un membre rejoint l’unité {unit} au poste {position:de}",
        "Un membre rejoint l’unité {unit}",
        "Un membre prend le poste {position:de}",
        "Un membre reçoit une nouvelle affectation",
    ),
    "assignment.secondary": (
        "{member} rejoint aussi l’unité {unit} au poste {position:de}",
        "{member} rejoint aussi l’unité {unit}",
        "{member} prend aussi le poste {position:de}",
        "{member} reçoit une affectation secondaire",
        "Un membre rejoint aussi l’unité {unit} au poste {position:de}",
        "Un membre rejoint aussi l’unité {unit}",
        "Un membre prend aussi le poste {position:de}",
        "Un membre reçoit une affectation secondaire",
    ),
    "assignment.updated": (
        "L’affectation {member:de} à l’unité {unit} au poste {position:de} a été modifiée",
        "L’affectation {member:de} à l’unité {unit} a été modifiée",
        "L’affectation {member:de} au poste {position:de} a été modifiée",
        "L’affectation {member:de} a été modifiée",
        "L’affectation d’un membre à l’unité {unit} au poste {position:de} a été modifiée",
        "L’affectation d’un membre à l’unité {unit} a été modifiée",
        "L’affectation d’un membre au poste {position:de} a été modifiée",
        "L’affectation d’un membre a été modifiée",
    ),
    "assignment.deleted": (
        "L’affectation {member:de} à l’unité {unit} au poste {position:de} a été annulée",
        "L’affectation {member:de} à l’unité {unit} a été annulée",
        "L’affectation {member:de} au poste {position:de} a été annulée",
        "L’affectation {member:de} a été annulée",
        "L’affectation d’un membre à l’unité {unit} au poste {position:de} a été annulée",
        "L’affectation d’un membre à l’unité {unit} a été annulée",
        "L’affectation d’un membre au poste {position:de} a été annulée",
        "L’affectation d’un membre a été annulée",
    ),
    # Combat and service records: texts about a member
    "combat.created": ("Nouvelle fiche de combat {member:de}", "Nouvelle fiche de combat"),
    "combat.updated": ("Une fiche de combat {member:de} a été modifiée", "Une fiche de combat a été modifiée"),
    "combat.deleted": ("Une fiche de combat {member:de} a été supprimée", "Une fiche de combat a été supprimée"),
    "service.created": ("Nouvelle inscription aux états de service {member:de}", "Nouvelle inscription aux états de service"),
    "service.updated": (
        "Une inscription aux états de service {member:de} a été modifiée",
        "Une inscription aux états de service a été modifiée",
    ),
    "service.deleted": (
        "Une inscription aux états de service {member:de} a été supprimée",
        "Une inscription aux états de service a été supprimée",
    ),
    # Members
    "user.created": ("{member} rejoint la communauté", "Un nouveau membre rejoint la communauté"),
    "user.deleted": ("{member} quitte la communauté", "Un membre quitte la communauté"),
    "profile.rank": (
        "{member} porte désormais le grade {name:de}",
        "{member} a un nouveau grade",
        "Un membre porte désormais le grade {name:de}",
        "Un membre a un nouveau grade",
    ),
    "profile.rank.none": ("{member} ne porte plus de grade", "Un membre ne porte plus de grade"),
    "profile.unit": (
        "{member} rejoint l’unité {name}",
        "{member} change d’unité",
        "Un membre rejoint l’unité {name}",
        "Un membre change d’unité",
    ),
    "profile.unit.none": ("{member} n’appartient plus à aucune unité", "Un membre n’appartient plus à aucune unité"),
    "profile.position": (
        "{member} occupe désormais le poste {name:de}",
        "{member} occupe un nouveau poste",
        "Un membre occupe désormais le poste {name:de}",
        "Un membre occupe un nouveau poste",
    ),
    "profile.position.none": ("{member} n’occupe plus aucun poste", "Un membre n’occupe plus aucun poste"),
    "profile.specialty": (
        "{member} a désormais la spécialité {name}",
        "{member} a une nouvelle spécialité",
        "Un membre a désormais la spécialité {name}",
        "Un membre a une nouvelle spécialité",
    ),
    "profile.specialty.none": ("{member} n’a plus de spécialité", "Un membre n’a plus de spécialité"),
    "profile.status": (
        "{member} a désormais le statut {name}",
        "{member} a un nouveau statut",
        "Un membre a désormais le statut {name}",
        "Un membre a un nouveau statut",
    ),
    "profile.status.none": ("{member} n’a plus de statut", "Un membre n’a plus de statut"),
    "profile.approved": ("Le compte {member:de} a été approuvé", "Le compte d’un membre a été approuvé"),
    "profile.unapproved": ("Le compte {member:de} n’est plus approuvé", "Le compte d’un membre n’est plus approuvé"),
    "profile.name": ("Un membre s’appelle désormais {member}", "Un membre a un nouveau nom"),
    "profile.several": ("Changements pour {member} : {aspects}", "Changements pour un membre : {aspects}"),
    "aspect.name": "nom",
    "aspect.rank": "grade",
    "aspect.unit": "unité",
    "aspect.position": "poste",
    "aspect.specialty": "spécialité",
    "aspect.status": "statut",
    "aspect.approval": "approbation",
    "aspect.text": "texte",
    "aspect.time": "horaire",
    "aspect.place": "lieu",
    "aspect.link": "lien",
    "aspect.repeats": "récurrence",
    "aspect.signup": "inscriptions",
    "aspect.calendar": "calendrier",
    # Calendars and events
    "calendar.created": ("Nouveau calendrier : {name}", "Nouveau calendrier"),
    "calendar.renamed": "Un calendrier s’appelle désormais « {name} »",
    "calendar.updated": ("Le calendrier « {name} » a été modifié", "Un calendrier a été modifié"),
    "calendar.deleted": ("Le calendrier « {name} » a été supprimé", "Un calendrier a été supprimé"),
    "event.created": ("Nouvel événement : {name}", "Nouvel événement"),
    "event.moved": ("L’événement « {name} » a été déplacé", "Un événement a été déplacé"),
    "event.ends": ("L’événement « {name} » se termine à une autre heure", "Un événement se termine à une autre heure"),
    "event.renamed": "Un événement s’appelle désormais « {name} »",
    "event.location": ("L’événement « {name} » change de lieu", "Un événement change de lieu"),
    "event.signup": (
        "Les inscriptions à l’événement « {name} » ont été modifiées",
        "Les inscriptions à un événement ont été modifiées",
    ),
    "event.updated": ("L’événement « {name} » a été modifié", "Un événement a été modifié"),
    "event.cancelled": ("L’événement « {name} » a été annulé", "Un événement a été annulé"),
    "event.removed": ("L’événement « {name} » a été retiré du calendrier", "Un événement a été retiré du calendrier"),
    # Announcements
    "message.announced": "Annonce à tous les membres",
    "message.changed": "Une annonce à tous les membres a été modifiée",
    "message.withdrawn": "Une annonce à tous les membres a été retirée",
    "message.planned.created": "Une annonce à tous les membres est programmée",
    "message.planned.updated": "Une annonce programmée à tous les membres a été modifiée",
    "message.planned.deleted": "Une annonce programmée à tous les membres a été retirée",
    # Forms that were sent in: by a member, by a guest, and by somebody of whom not even that is known
    "submission.member.created": (
        "{member} a envoyé le formulaire « {form} »",
        "{member} a envoyé un formulaire",
        "Un membre a envoyé le formulaire « {form} »",
        "Un membre a envoyé un formulaire",
    ),
    "submission.member.updated": (
        "Le formulaire « {form} » {member:de} a été modifié",
        "Un formulaire {member:de} a été modifié",
        "Le formulaire « {form} » d’un membre a été modifié",
        "Un formulaire d’un membre a été modifié",
    ),
    "submission.member.read": (
        "Le formulaire « {form} » {member:de} a été lu",
        "Un formulaire {member:de} a été lu",
        "Le formulaire « {form} » d’un membre a été lu",
        "Un formulaire d’un membre a été lu",
    ),
    "submission.member.deleted": (
        "Le formulaire « {form} » {member:de} a été supprimé",
        "Un formulaire {member:de} a été supprimé",
        "Le formulaire « {form} » d’un membre a été supprimé",
        "Un formulaire d’un membre a été supprimé",
    ),
    "submission.guest.created": ("Un visiteur a envoyé le formulaire « {form} »", "Un visiteur a envoyé un formulaire"),
    "submission.guest.updated": (
        "Le formulaire « {form} » d’un visiteur a été modifié",
        "Un formulaire d’un visiteur a été modifié",
    ),
    "submission.guest.read": ("Le formulaire « {form} » d’un visiteur a été lu", "Un formulaire d’un visiteur a été lu"),
    "submission.guest.deleted": (
        "Le formulaire « {form} » d’un visiteur a été supprimé",
        "Un formulaire d’un visiteur a été supprimé",
    ),
    "submission.person.created": ("Quelqu’un a envoyé le formulaire « {form} »", "Quelqu’un a envoyé un formulaire"),
    "submission.person.updated": ("Un formulaire « {form} » reçu a été modifié", "Un formulaire reçu a été modifié"),
    "submission.person.read": ("Un formulaire « {form} » reçu a été lu", "Un formulaire reçu a été lu"),
    "submission.person.deleted": ("Un formulaire « {form} » reçu a été supprimé", "Un formulaire reçu a été supprimé"),
    # The Test button, and automations
    "test.title": "Test de PERSCOM : tout fonctionne",
    "test.text": "Le webhook est bien arrivé, et ce message aussi.",
    "automation.title": "Message d’une automatisation",
    # Who wrote a record
    "by.created": "par {author}",
    "by.updated": "enregistré par {author}",
    # The names of fields
    "label.rank": "Grade",
    "label.unit": "Unité",
    "label.position": "Poste",
    "label.specialty": "Spécialité",
    "label.status": "Statut",
    "label.approval": "Approbation",
    "label.assignment": "Affectation",
    "label.previous_rank": "Grade précédent",
    "label.previous_unit": "Unité précédente",
    "label.previous_position": "Poste précédent",
    "label.previous_specialty": "Spécialité précédente",
    "label.previous_status": "Statut précédent",
    "label.when": "Quand",
    "label.previous_time": "Horaire précédent",
    "label.new_time": "Nouvel horaire",
    "label.planned_for": "Était prévu",
    "label.took_place": "A eu lieu",
    "label.where": "Lieu",
    "label.calendar": "Calendrier",
    "label.repeats": "Récurrent",
    "label.signup": "Inscriptions",
    "label.goes_out": "Envoi",
    # What stands in fields
    "value.primary": "Principale",
    "value.secondary": "Secondaire",
    "value.none": "néant",
    "value.changed": "a changé",
    "value.from_to": "{old} → {new}",
    "value.approved": "accordée",
    "value.unapproved": "retirée",
    "value.yes": "oui",
    "value.no": "non",
    "value.signup_open": "ouvertes",
    "value.until": "jusqu’au {time}",
    "value.span": "du {starts} au {ends}",
    "value.hours": "{starts} jusqu’à {ends}",
    # Joints
    "list.last": "{others} et {last}",
    "cut.text": "… (abrégé)",
    "cut.more": "({count} de plus)",
    # Digests: whom several things are about, and how many of each there are
    "digest.member": "{member} : {counts}",
    "count.promotion.one": "{count} promotion",
    "count.promotion.many": "{count} promotions",
    "count.lateral.one": "{count} nomination latérale",
    "count.lateral.many": "{count} nominations latérales",
    "count.transfer.one": "{count} transfert",
    "count.transfer.many": "{count} transferts",
    "count.demotion.one": "{count} rétrogradation",
    "count.demotion.many": "{count} rétrogradations",
    "count.award.one": "{count} distinction",
    "count.award.many": "{count} distinctions",
    "count.qualification.one": "{count} qualification",
    "count.qualification.many": "{count} qualifications",
    "count.assignment.one": "{count} affectation",
    "count.assignment.many": "{count} affectations",
    "count.event.one": "{count} événement",
    "count.event.many": "{count} événements",
    "count.combat.one": "{count} fiche de combat",
    "count.combat.many": "{count} fiches de combat",
    "count.service.one": "{count} inscription aux états de service",
    "count.service.many": "{count} inscriptions aux états de service",
    "count.submission.one": "{count} formulaire",
    "count.submission.many": "{count} formulaires",
    "count.joined.one": "{count} nouveau membre",
    "count.joined.many": "{count} nouveaux membres",
    "count.profile.one": "{count} modification de profil",
    "count.profile.many": "{count} modifications de profil",
    "count.left.one": "{count} départ",
    "count.left.many": "{count} départs",
    "count.message.one": "{count} annonce",
    "count.message.many": "{count} annonces",
    "count.calendar.one": "{count} calendrier",
    "count.calendar.many": "{count} calendriers",
    "count.test.one": "{count} test",
    "count.test.many": "{count} tests",
    "count.change.one": "{count} modification",
    "count.change.many": "{count} modifications",
}

FRENCH = Language(
    code="fr",
    date="%d/%m/%Y",
    moment="%d/%m/%Y à %H:%M",
    decimal=",",
    colon=_spaced(" :"),
    forms=_FORMS,
    texts={key: _spaced(text) if isinstance(text, str) else tuple(map(_spaced, text)) for key, text in _TEXTS.items()},
)
