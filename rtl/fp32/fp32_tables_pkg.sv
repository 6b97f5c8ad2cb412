// fp32_tables_pkg: tables and constants of the functions, binary32 bit patterns.
// Written by `python -m verif.fp32.tables` from golden/fp32.py; not to be edited.
package fp32_tables_pkg;
  localparam logic [31:0] ExpScale = 32'h4338_aa3b;  // 128 / ln 2
  localparam logic [31:0] ExpHigh = 32'h3bb1_8000;  // ln 2 / 128, its upper nine bits
  localparam logic [31:0] ExpLow = 32'hb5de_8083;  // and the rest
  localparam logic [31:0] ExpLowest = 32'hc2b0_0000;  // arguments below it count as it
  localparam logic [31:0] ExpHighest = 32'h42b2_0000;  // and above this one
  localparam logic [31:0] Ln2 = 32'h3f31_7218;  // ln 2
  localparam logic [31:0] Third = 32'h3eaa_aaab;  // 1 / 3

  // 2^(i/128)
  localparam logic [31:0] ExpTable[128] = '{
    32'h3f80_0000, 32'h3f80_b1ed, 32'h3f81_64d2, 32'h3f82_18af, 32'h3f82_cd87, 32'h3f83_8359, 32'h3f84_3a29, 32'h3f84_f1f6,
    32'h3f85_aac3, 32'h3f86_6491, 32'h3f87_1f62, 32'h3f87_db35, 32'h3f88_980f, 32'h3f89_55ee, 32'h3f8a_14d5, 32'h3f8a_d4c6,
    32'h3f8b_95c2, 32'h3f8c_57ca, 32'h3f8d_1adf, 32'h3f8d_df04, 32'h3f8e_a43a, 32'h3f8f_6a81, 32'h3f90_31dc, 32'h3f90_fa4d,
    32'h3f91_c3d3, 32'h3f92_8e72, 32'h3f93_5a2b, 32'h3f94_26ff, 32'h3f94_f4f0, 32'h3f95_c3ff, 32'h3f96_942d, 32'h3f97_657d,
    32'h3f98_37f0, 32'h3f99_0b88, 32'h3f99_e046, 32'h3f9a_b62b, 32'h3f9b_8d3a, 32'h3f9c_6573, 32'h3f9d_3eda, 32'h3f9e_196e,
    32'h3f9e_f532, 32'h3f9f_d228, 32'h3fa0_b051, 32'h3fa1_8faf, 32'h3fa2_7043, 32'h3fa3_520f, 32'h3fa4_3516, 32'h3fa5_1958,
    32'h3fa5_fed7, 32'h3fa6_e595, 32'h3fa7_cd94, 32'h3fa8_b6d5, 32'h3fa9_a15b, 32'h3faa_8d26, 32'h3fab_7a3a, 32'h3fac_6897,
    32'h3fad_583f, 32'h3fae_4934, 32'h3faf_3b79, 32'h3fb0_2f0e, 32'h3fb1_23f6, 32'h3fb2_1a32, 32'h3fb3_11c4, 32'h3fb4_0aaf,
    32'h3fb5_04f3, 32'h3fb6_0094, 32'h3fb6_fd92, 32'h3fb7_fbf0, 32'h3fb8_fbaf, 32'h3fb9_fcd2, 32'h3fba_ff5b, 32'h3fbc_034a,
    32'h3fbd_08a4, 32'h3fbe_0f68, 32'h3fbf_179a, 32'h3fc0_213b, 32'h3fc1_2c4d, 32'h3fc2_38d2, 32'h3fc3_46cd, 32'h3fc4_563f,
    32'h3fc5_672a, 32'h3fc6_7991, 32'h3fc7_8d75, 32'h3fc8_a2d8, 32'h3fc9_b9be, 32'h3fca_d226, 32'h3fcb_ec15, 32'h3fcd_078c,
    32'h3fce_248c, 32'h3fcf_4319, 32'h3fd0_6334, 32'h3fd1_84df, 32'h3fd2_a81e, 32'h3fd3_ccf1, 32'h3fd4_f35b, 32'h3fd6_1b5e,
    32'h3fd7_44fd, 32'h3fd8_7039, 32'h3fd9_9d16, 32'h3fda_cb94, 32'h3fdb_fbb8, 32'h3fdd_2d82, 32'h3fde_60f5, 32'h3fdf_9613,
    32'h3fe0_ccdf, 32'h3fe2_055b, 32'h3fe3_3f89, 32'h3fe4_7b6d, 32'h3fe5_b907, 32'h3fe6_f85b, 32'h3fe8_396a, 32'h3fe9_7c38,
    32'h3fea_c0c7, 32'h3fec_0719, 32'h3fed_4f30, 32'h3fee_9910, 32'h3fef_e4ba, 32'h3ff1_3231, 32'h3ff2_8177, 32'h3ff3_d290,
    32'h3ff5_257d, 32'h3ff6_7a41, 32'h3ff7_d0df, 32'h3ff9_295a, 32'h3ffa_83b3, 32'h3ffb_dfed, 32'h3ffd_3e0c, 32'h3ffe_9e11
  };

  // 1 / (1 + (i + 0.5)/256)
  localparam logic [31:0] ReciprocalTable[256] = '{
    32'h3f7f_8040, 32'h3f7e_823d, 32'h3f7d_8631, 32'h3f7c_8c16, 32'h3f7b_93e6, 32'h3f7a_9d9d, 32'h3f79_a934, 32'h3f78_b6a6,
    32'h3f77_c5ee, 32'h3f76_d705, 32'h3f75_e9e8, 32'h3f74_fe91, 32'h3f74_14fa, 32'h3f73_2d1f, 32'h3f72_46fb, 32'h3f71_6289,
    32'h3f70_7fc4, 32'h3f6f_9ea8, 32'h3f6e_bf2f, 32'h3f6d_e156, 32'h3f6d_0518, 32'h3f6c_2a70, 32'h3f6b_515a, 32'h3f6a_79d1,
    32'h3f69_a3d2, 32'h3f68_cf59, 32'h3f67_fc60, 32'h3f67_2ae4, 32'h3f66_5ae2, 32'h3f65_8c54, 32'h3f64_bf38, 32'h3f63_f389,
    32'h3f63_2943, 32'h3f62_6063, 32'h3f61_98e5, 32'h3f60_d2c6, 32'h3f60_0e01, 32'h3f5f_4a93, 32'h3f5e_887a, 32'h3f5d_c7b0,
    32'h3f5d_0834, 32'h3f5c_4a01, 32'h3f5b_8d14, 32'h3f5a_d16a, 32'h3f5a_1700, 32'h3f59_5dd3, 32'h3f58_a5df, 32'h3f57_ef21,
    32'h3f57_3997, 32'h3f56_853d, 32'h3f55_d210, 32'h3f55_200d, 32'h3f54_6f32, 32'h3f53_bf7c, 32'h3f53_10e7, 32'h3f52_6371,
    32'h3f51_b717, 32'h3f51_0bd7, 32'h3f50_61ae, 32'h3f4f_b899, 32'h3f4f_1095, 32'h3f4e_69a0, 32'h3f4d_c3b8, 32'h3f4d_1ed9,
    32'h3f4c_7b02, 32'h3f4b_d830, 32'h3f4b_3660, 32'h3f4a_9590, 32'h3f49_f5bf, 32'h3f49_56e8, 32'h3f48_b90b, 32'h3f48_1c24,
    32'h3f47_8032, 32'h3f46_e532, 32'h3f46_4b22, 32'h3f45_b201, 32'h3f45_19cb, 32'h3f44_827f, 32'h3f43_ec1a, 32'h3f43_569b,
    32'h3f42_c1ff, 32'h3f42_2e45, 32'h3f41_9b6a, 32'h3f41_096d, 32'h3f40_784b, 32'h3f3f_e803, 32'h3f3f_5892, 32'h3f3e_c9f8,
    32'h3f3e_3c31, 32'h3f3d_af3c, 32'h3f3d_2318, 32'h3f3c_97c2, 32'h3f3c_0d39, 32'h3f3b_837b, 32'h3f3a_fa86, 32'h3f3a_7258,
    32'h3f39_eaf0, 32'h3f39_644d, 32'h3f38_de6c, 32'h3f38_594b, 32'h3f37_d4ea, 32'h3f37_5147, 32'h3f36_ce5f, 32'h3f36_4c32,
    32'h3f35_cabe, 32'h3f35_4a01, 32'h3f34_c9fa, 32'h3f34_4aa7, 32'h3f33_cc07, 32'h3f33_4e19, 32'h3f32_d0da, 32'h3f32_544a,
    32'h3f31_d867, 32'h3f31_5d2f, 32'h3f30_e2a2, 32'h3f30_68be, 32'h3f2f_ef82, 32'h3f2f_76eb, 32'h3f2e_fefa, 32'h3f2e_87ab,
    32'h3f2e_1100, 32'h3f2d_9af5, 32'h3f2d_258a, 32'h3f2c_b0bd, 32'h3f2c_3c8d, 32'h3f2b_c8fa, 32'h3f2b_5601, 32'h3f2a_e3a1,
    32'h3f2a_71da, 32'h3f2a_00aa, 32'h3f29_9010, 32'h3f29_200b, 32'h3f28_b099, 32'h3f28_41ba, 32'h3f27_d36c, 32'h3f27_65ae,
    32'h3f26_f880, 32'h3f26_8bdf, 32'h3f26_1fcc, 32'h3f25_b445, 32'h3f25_4948, 32'h3f24_ded5, 32'h3f24_74eb, 32'h3f24_0b89,
    32'h3f23_a2ad, 32'h3f23_3a57, 32'h3f22_d286, 32'h3f22_6b39, 32'h3f22_046e, 32'h3f21_9e25, 32'h3f21_385d, 32'h3f20_d315,
    32'h3f20_6e4c, 32'h3f20_0a01, 32'h3f1f_a633, 32'h3f1f_42e1, 32'h3f1e_e00a, 32'h3f1e_7dae, 32'h3f1e_1bcb, 32'h3f1d_ba61,
    32'h3f1d_596e, 32'h3f1c_f8f3, 32'h3f1c_98ed, 32'h3f1c_395d, 32'h3f1b_da41, 32'h3f1b_7b99, 32'h3f1b_1d63, 32'h3f1a_bf9f,
    32'h3f1a_624d, 32'h3f1a_056a, 32'h3f19_a8f7, 32'h3f19_4cf3, 32'h3f18_f15d, 32'h3f18_9634, 32'h3f18_3b77, 32'h3f17_e126,
    32'h3f17_8740, 32'h3f17_2dc4, 32'h3f16_d4b2, 32'h3f16_7c08, 32'h3f16_23c7, 32'h3f15_cbec, 32'h3f15_7478, 32'h3f15_1d6a,
    32'h3f14_c6c2, 32'h3f14_707d, 32'h3f14_1a9d, 32'h3f13_c51f, 32'h3f13_7005, 32'h3f13_1b4c, 32'h3f12_c6f4, 32'h3f12_72fc,
    32'h3f12_1f65, 32'h3f11_cc2c, 32'h3f11_7953, 32'h3f11_26d7, 32'h3f10_d4b8, 32'h3f10_82f7, 32'h3f10_3191, 32'h3f0f_e087,
    32'h3f0f_8fd8, 32'h3f0f_3f83, 32'h3f0e_ef87, 32'h3f0e_9fe5, 32'h3f0e_509c, 32'h3f0e_01aa, 32'h3f0d_b310, 32'h3f0d_64cc,
    32'h3f0d_16df, 32'h3f0c_c948, 32'h3f0c_7c05, 32'h3f0c_2f18, 32'h3f0b_e27e, 32'h3f0b_9638, 32'h3f0b_4a45, 32'h3f0a_fea5,
    32'h3f0a_b356, 32'h3f0a_6859, 32'h3f0a_1dac, 32'h3f09_d350, 32'h3f09_8944, 32'h3f09_3f88, 32'h3f08_f61a, 32'h3f08_acfb,
    32'h3f08_642a, 32'h3f08_1ba6, 32'h3f07_d36f, 32'h3f07_8b84, 32'h3f07_43e6, 32'h3f06_fc93, 32'h3f06_b58b, 32'h3f06_6ecd,
    32'h3f06_285a, 32'h3f05_e231, 32'h3f05_9c50, 32'h3f05_56b9, 32'h3f05_116a, 32'h3f04_cc63, 32'h3f04_87a3, 32'h3f04_432a,
    32'h3f03_fef8, 32'h3f03_bb0c, 32'h3f03_7766, 32'h3f03_3405, 32'h3f02_f0e9, 32'h3f02_ae12, 32'h3f02_6b7f, 32'h3f02_292f,
    32'h3f01_e723, 32'h3f01_a559, 32'h3f01_63d3, 32'h3f01_228e, 32'h3f00_e18b, 32'h3f00_a0c9, 32'h3f00_6048, 32'h3f00_2008
  };

  // (f * (1 + (i mod 128 + 0.5)/128))^-0.5; f = 2 for the first half, then 1
  localparam logic [31:0] RsqrtTable[256] = '{
    32'h3f34_aab4, 32'h3f33_f7c9, 32'h3f33_46ed, 32'h3f32_9816, 32'h3f31_eb3b, 32'h3f31_4052, 32'h3f30_9752, 32'h3f2f_f032,
    32'h3f2f_4ae9, 32'h3f2e_a76e, 32'h3f2e_05ba, 32'h3f2d_65c3, 32'h3f2c_c782, 32'h3f2c_2af0, 32'h3f2b_9004, 32'h3f2a_f6b7,
    32'h3f2a_5f03, 32'h3f29_c8e0, 32'h3f29_3446, 32'h3f28_a131, 32'h3f28_0f98, 32'h3f27_7f76, 32'h3f26_f0c4, 32'h3f26_637d,
    32'h3f25_d79a, 32'h3f25_4d15, 32'h3f24_c3ea, 32'h3f24_3c11, 32'h3f23_b587, 32'h3f23_3045, 32'h3f22_ac46, 32'h3f22_2985,
    32'h3f21_a7fe, 32'h3f21_27ac, 32'h3f20_a889, 32'h3f20_2a91, 32'h3f1f_adc0, 32'h3f1f_3210, 32'h3f1e_b77f, 32'h3f1e_3e06,
    32'h3f1d_c5a3, 32'h3f1d_4e52, 32'h3f1c_d80d, 32'h3f1c_62d1, 32'h3f1b_ee9b, 32'h3f1b_7b67, 32'h3f1b_0930, 32'h3f1a_97f3,
    32'h3f1a_27ae, 32'h3f19_b85b, 32'h3f19_49f8, 32'h3f18_dc82, 32'h3f18_6ff5, 32'h3f18_044e, 32'h3f17_998a, 32'h3f17_2fa5,
    32'h3f16_c69e, 32'h3f16_5e70, 32'h3f15_f718, 32'h3f15_9095, 32'h3f15_2ae3, 32'h3f14_c5ff, 32'h3f14_61e7, 32'h3f13_fe97,
    32'h3f13_9c0e, 32'h3f13_3a49, 32'h3f12_d945, 32'h3f12_7900, 32'h3f12_1978, 32'h3f11_baa9, 32'h3f11_5c92, 32'h3f10_ff30,
    32'h3f10_a281, 32'h3f10_4684, 32'h3f0f_eb35, 32'h3f0f_9092, 32'h3f0f_369a, 32'h3f0e_dd4a, 32'h3f0e_84a0, 32'h3f0e_2c9b,
    32'h3f0d_d538, 32'h3f0d_7e75, 32'h3f0d_2851, 32'h3f0c_d2c9, 32'h3f0c_7ddc, 32'h3f0c_2988, 32'h3f0b_d5cb, 32'h3f0b_82a4,
    32'h3f0b_3010, 32'h3f0a_de0e, 32'h3f0a_8c9d, 32'h3f0a_3bba, 32'h3f09_eb64, 32'h3f09_9b9a, 32'h3f09_4c59, 32'h3f08_fda1,
    32'h3f08_af6f, 32'h3f08_61c3, 32'h3f08_149b, 32'h3f07_c7f5, 32'h3f07_7bd0, 32'h3f07_302a, 32'h3f06_e503, 32'h3f06_9a58,
    32'h3f06_5029, 32'h3f06_0674, 32'h3f05_bd38, 32'h3f05_7474, 32'h3f05_2c25, 32'h3f04_e44c, 32'h3f04_9ce7, 32'h3f04_55f4,
    32'h3f04_0f72, 32'h3f03_c961, 32'h3f03_83bf, 32'h3f03_3e8b, 32'h3f02_f9c3, 32'h3f02_b568, 32'h3f02_7176, 32'h3f02_2def,
    32'h3f01_ead0, 32'h3f01_a818, 32'h3f01_65c6, 32'h3f01_23da, 32'h3f00_e253, 32'h3f00_a12e, 32'h3f00_606d, 32'h3f00_200c,
    32'h3f7f_8060, 32'h3f7e_8358, 32'h3f7d_893a, 32'h3f7c_91f7, 32'h3f7b_9d83, 32'h3f7a_abcf, 32'h3f79_bccf, 32'h3f78_d075,
    32'h3f77_e6b5, 32'h3f76_ff83, 32'h3f76_1ad3, 32'h3f75_389a, 32'h3f74_58cd, 32'h3f73_7b60, 32'h3f72_a048, 32'h3f71_c77c,
    32'h3f70_f0f1, 32'h3f70_1c9d, 32'h3f6f_4a77, 32'h3f6e_7a74, 32'h3f6d_ac8d, 32'h3f6c_e0b7, 32'h3f6c_16ea, 32'h3f6b_4f1e,
    32'h3f6a_8949, 32'h3f69_c565, 32'h3f69_0368, 32'h3f68_434a, 32'h3f67_8505, 32'h3f66_c891, 32'h3f66_0de5, 32'h3f65_54fc,
    32'h3f64_9dce, 32'h3f63_e854, 32'h3f63_3488, 32'h3f62_8263, 32'h3f61_d1de, 32'h3f61_22f3, 32'h3f60_759c, 32'h3f5f_c9d4,
    32'h3f5f_1f93, 32'h3f5e_76d5, 32'h3f5d_cf93, 32'h3f5d_29c8, 32'h3f5c_856f, 32'h3f5b_e282, 32'h3f5b_40fd, 32'h3f5a_a0d9,
    32'h3f5a_0212, 32'h3f59_64a3, 32'h3f58_c887, 32'h3f58_2dba, 32'h3f57_9436, 32'h3f56_fbf8, 32'h3f56_64fa, 32'h3f55_cf39,
    32'h3f55_3ab0, 32'h3f54_a75a, 32'h3f54_1535, 32'h3f53_843b, 32'h3f52_f469, 32'h3f52_65bb, 32'h3f51_d82d, 32'h3f51_4bbb,
    32'h3f50_c062, 32'h3f50_361d, 32'h3f4f_acea, 32'h3f4f_24c5, 32'h3f4e_9daa, 32'h3f4e_1796, 32'h3f4d_9285, 32'h3f4d_0e76,
    32'h3f4c_8b63, 32'h3f4c_094b, 32'h3f4b_8829, 32'h3f4b_07fc, 32'h3f4a_88bf, 32'h3f4a_0a71, 32'h3f49_8d0d, 32'h3f49_1092,
    32'h3f48_94fd, 32'h3f48_1a4a, 32'h3f47_a078, 32'h3f47_2783, 32'h3f46_af68, 32'h3f46_3826, 32'h3f45_c1ba, 32'h3f45_4c21,
    32'h3f44_d759, 32'h3f44_635f, 32'h3f43_f031, 32'h3f43_7dcd, 32'h3f43_0c31, 32'h3f42_9b59, 32'h3f42_2b45, 32'h3f41_bbf1,
    32'h3f41_4d5c, 32'h3f40_df84, 32'h3f40_7266, 32'h3f40_0600, 32'h3f3f_9a51, 32'h3f3f_2f56, 32'h3f3e_c50e, 32'h3f3e_5b76,
    32'h3f3d_f28c, 32'h3f3d_8a4f, 32'h3f3d_22be, 32'h3f3c_bbd5, 32'h3f3c_5593, 32'h3f3b_eff7, 32'h3f3b_8aff, 32'h3f3b_26a9,
    32'h3f3a_c2f3, 32'h3f3a_5fdc, 32'h3f39_fd62, 32'h3f39_9b84, 32'h3f39_3a3f, 32'h3f38_d993, 32'h3f38_797d, 32'h3f38_19fd,
    32'h3f37_bb10, 32'h3f37_5cb5, 32'h3f36_feec, 32'h3f36_a1b1, 32'h3f36_4505, 32'h3f35_e8e5, 32'h3f35_8d50, 32'h3f35_3245
  };

  // ln c, c = 1 + i/128; from i = 53 on ln(c/2)
  localparam logic [31:0] LogTable[129] = '{
    32'h0000_0000, 32'h3bff_0153, 32'h3c7e_0546, 32'h3cbd_c8d8, 32'h3cfc_14d8, 32'h3d1c_f43e, 32'h3d3b_a2c8, 32'h3d5a_16ec,
    32'h3d78_5186, 32'h3d8b_29b7, 32'h3d9a_0ebd, 32'h3da8_d83a, 32'h3db7_8694, 32'h3dc6_1a2f, 32'h3dd4_936a, 32'h3de2_f2a4,
    32'h3df1_383b, 32'h3dff_648a, 32'h3e06_bbf4, 32'h3e0d_b957, 32'h3e14_aa98, 32'h3e1b_8fe1, 32'h3e22_695b, 32'h3e29_372f,
    32'h3e2f_f984, 32'h3e36_b07f, 32'h3e3d_5c48, 32'h3e43_fd03, 32'h3e4a_92d5, 32'h3e51_1de1, 32'h3e57_9e4a, 32'h3e5e_1434,
    32'h3e64_7fbe, 32'h3e6a_e10b, 32'h3e71_383b, 32'h3e77_856e, 32'h3e7d_c8c3, 32'h3e82_012d, 32'h3e85_1927, 32'h3e88_2c60,
    32'h3e8b_3ae5, 32'h3e8e_44c6, 32'h3e91_4a10, 32'h3e94_4ad1, 32'h3e97_4716, 32'h3e9a_3eed, 32'h3e9d_3263, 32'h3ea0_2184,
    32'h3ea3_0c5e, 32'h3ea5_f2fd, 32'h3ea8_d56c, 32'h3eab_b3b9, 32'h3eae_8dee, 32'hbeb1_8018, 32'hbeae_adef, 32'hbeab_dfbb,
    32'hbea9_1570, 32'hbea6_4f05, 32'hbea3_8c6e, 32'hbea0_cda1, 32'hbe9e_1294, 32'hbe9b_5b3c, 32'hbe98_a78f, 32'hbe95_f784,
    32'hbe93_4b11, 32'hbe90_a22b, 32'hbe8d_fccb, 32'hbe8b_5ae6, 32'hbe88_bc74, 32'hbe86_216b, 32'hbe83_89c3, 32'hbe80_f573,
    32'hbe7c_c8e3, 32'hbe77_ad6f, 32'hbe72_9878, 32'hbe6d_89ee, 32'hbe68_81c0, 32'hbe63_7fde, 32'hbe5e_843a, 32'hbe59_8ec3,
    32'hbe54_9f6a, 32'hbe4f_b620, 32'hbe4a_d2d7, 32'hbe45_f57f, 32'hbe41_1e0b, 32'hbe3c_4c6c, 32'hbe37_8094, 32'hbe32_ba76,
    32'hbe2d_fa03, 32'hbe29_3f2f, 32'hbe24_89ec, 32'hbe1f_da2d, 32'hbe1b_2fe6, 32'hbe16_8b08, 32'hbe11_eb89, 32'hbe0d_515c,
    32'hbe08_bc74, 32'hbe04_2cc6, 32'hbdff_448a, 32'hbdf6_39cc, 32'hbded_393b, 32'hbde4_42c0, 32'hbddb_5644, 32'hbdd2_73b2,
    32'hbdc9_9af3, 32'hbdc0_cbf1, 32'hbdb8_0698, 32'hbdaf_4ad2, 32'hbda6_988b, 32'hbd9d_efad, 32'hbd95_5025, 32'hbd8c_b9df,
    32'hbd84_2cc6, 32'hbd77_518e, 32'hbd66_5b9e, 32'hbd55_7797, 32'hbd44_a551, 32'hbd33_e4a8, 32'hbd23_3577, 32'hbd12_9799,
    32'hbd02_0aec, 32'hbce3_1e97, 32'hbcc2_4929, 32'hbca1_9549, 32'hbc81_02b3, 32'hbc41_2245, 32'hbc00_80ac, 32'hbb80_402b,
    32'h0000_0000
  };

  // 1 / c
  localparam logic [31:0] LogInverse[129] = '{
    32'h3f80_0000, 32'h3f7e_03f8, 32'h3f7c_0fc1, 32'h3f7a_232d, 32'h3f78_3e10, 32'h3f76_603e, 32'h3f74_898d, 32'h3f72_b9d6,
    32'h3f70_f0f1, 32'h3f6f_2eb7, 32'h3f6d_7304, 32'h3f6b_bdb3, 32'h3f6a_0ea1, 32'h3f68_65ac, 32'h3f66_c2b4, 32'h3f65_2598,
    32'h3f63_8e39, 32'h3f61_fc78, 32'h3f60_7038, 32'h3f5e_e95c, 32'h3f5d_67c9, 32'h3f5b_eb62, 32'h3f5a_740e, 32'h3f59_01b2,
    32'h3f57_9436, 32'h3f56_2b81, 32'h3f54_c77b, 32'h3f53_680d, 32'h3f52_0d21, 32'h3f50_b6a0, 32'h3f4f_6475, 32'h3f4e_168a,
    32'h3f4c_cccd, 32'h3f4b_8728, 32'h3f4a_4588, 32'h3f49_07da, 32'h3f47_ce0c, 32'h3f46_980c, 32'h3f45_65c8, 32'h3f44_3730,
    32'h3f43_0c31, 32'h3f41_e4bc, 32'h3f40_c0c1, 32'h3f3f_a030, 32'h3f3e_82fa, 32'h3f3d_6910, 32'h3f3c_5264, 32'h3f3b_3ee7,
    32'h3f3a_2e8c, 32'h3f39_2144, 32'h3f38_1703, 32'h3f37_0fbb, 32'h3f36_0b61, 32'h3f35_09e7, 32'h3f34_0b41, 32'h3f33_0f63,
    32'h3f32_1643, 32'h3f31_1fd4, 32'h3f30_2c0b, 32'h3f2f_3ade, 32'h3f2e_4c41, 32'h3f2d_602b, 32'h3f2c_7692, 32'h3f2b_8f6a,
    32'h3f2a_aaab, 32'h3f29_c84a, 32'h3f28_e83f, 32'h3f28_0a81, 32'h3f27_2f05, 32'h3f26_55c4, 32'h3f25_7eb5, 32'h3f24_a9cf,
    32'h3f23_d70a, 32'h3f23_065e, 32'h3f22_37c3, 32'h3f21_6b31, 32'h3f20_a0a1, 32'h3f1f_d80a, 32'h3f1f_1166, 32'h3f1e_4cad,
    32'h3f1d_89d9, 32'h3f1c_c8e1, 32'h3f1c_09c1, 32'h3f1b_4c70, 32'h3f1a_90e8, 32'h3f19_d723, 32'h3f19_1f1a, 32'h3f18_68c8,
    32'h3f17_b426, 32'h3f17_012e, 32'h3f16_4fda, 32'h3f15_a025, 32'h3f14_f209, 32'h3f14_4581, 32'h3f13_9a86, 32'h3f12_f114,
    32'h3f12_4925, 32'h3f11_a2b4, 32'h3f10_fdbc, 32'h3f10_5a38, 32'h3f0f_b824, 32'h3f0f_177a, 32'h3f0e_7835, 32'h3f0d_da52,
    32'h3f0d_3dcb, 32'h3f0c_a29c, 32'h3f0c_08c1, 32'h3f0b_7034, 32'h3f0a_d8f3, 32'h3f0a_42f8, 32'h3f09_ae41, 32'h3f09_1ac7,
    32'h3f08_8889, 32'h3f07_f781, 32'h3f07_67ab, 32'h3f06_d905, 32'h3f06_4b8a, 32'h3f05_bf37, 32'h3f05_3408, 32'h3f04_a9fa,
    32'h3f04_2108, 32'h3f03_9930, 32'h3f03_126f, 32'h3f02_8cc0, 32'h3f02_0821, 32'h3f01_848e, 32'h3f01_0204, 32'h3f00_8081,
    32'h3f00_0000
  };
endpackage
