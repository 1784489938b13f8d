use super::*;

#[test]
fn roots_are_read_from_pem_or_refused() {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["turn.example.org".into()]).unwrap();
    let pem = parameters.self_signed(&key).unwrap().pem();
    let both = format!("{pem}\n{pem}");
    for pem in [&pem, &both] {
        let roots = TlsRoots::from_pem(pem.as_bytes()).unwrap();
        assert!(roots.client().is_ok());
    }
    assert_eq!(
        TlsRoots::from_pem(b"").unwrap_err(),
        TlsRootsError::NoCertificate
    );
    assert_eq!(
        TlsRoots::from_pem(key.serialize_pem().as_bytes()).unwrap_err(),
        TlsRootsError::NoCertificate
    );
    let cut = pem.replacen("\nMII", "\nAII", 1);
    let error = TlsRoots::from_pem(cut.as_bytes()).unwrap_err();
    assert!(matches!(error, TlsRootsError::Unreadable(_)), "{error}");
    assert_eq!(format!("{:?}", TlsRoots::platform()), "TlsRoots(platform)");
}
