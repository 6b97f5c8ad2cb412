// row_synth_lut2d_bench: row_synth in front of lut2d, as a wvq linear uses them. For tb_lut2d.py.
module row_synth_lut2d_bench #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 16,
    parameter int unsigned Tokens = 2,
    parameter int unsigned Centroids = 64,
    parameter int unsigned ActW = 12,
    parameter int unsigned EntryW = 16,
    parameter int unsigned MaxBlocks = 64,
    parameter int unsigned BeatW = 256,
    localparam int unsigned DrainW = 2,
    localparam int unsigned BlocksW = $clog2(MaxBlocks + 1)
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic [                   15:0] s_job_blocks,
    input  logic [                    1:0] s_job_code,
    input  logic [                    3:0] s_job_shift,
    input  logic                           s_job_tvalid,
    output logic                           s_job_tready,
    input  logic [                   15:0] s_lookup_blocks,
    input  logic [                    7:0] s_lookup_slots,
    input  logic [                    1:0] s_lookup_code,
    input  logic                           s_lookup_tvalid,
    output logic                           s_lookup_tready,
    input  logic [Tokens*Lanes*2*ActW-1:0] s_axis_act_tdata,
    input  logic                           s_axis_act_tvalid,
    output logic                           s_axis_act_tready,
    input  logic [              BeatW-1:0] s_axis_cb_tdata,
    input  logic                           s_axis_cb_tvalid,
    output logic                           s_axis_cb_tready,
    input  logic [              BeatW-1:0] s_axis_idx_tdata,
    input  logic                           s_axis_idx_tvalid,
    output logic                           s_axis_idx_tready,
    output logic [   Tokens*DrainW*32-1:0] m_axis_acc_tdata,
    output logic                           m_axis_acc_tlast,
    output logic                           m_axis_acc_tvalid,
    input  logic                           m_axis_acc_tready,
    output logic                           busy_o,
    output logic                           error_o
);
  logic [Tokens*Lanes*EntryW-1:0] row_data;
  logic row_valid, row_ready, row_last, unused_start_ready;
  row_synth_pkg::cause_e cause;

  row_synth #(
      .Lanes(Lanes), .Tokens(Tokens), .Centroids(Centroids), .ActW(ActW), .EntryW(EntryW), .BeatW(BeatW)
  ) i_synth (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_job_blocks, .s_job_code, .s_job_shift, .s_job_tvalid, .s_job_tready,
      .s_axis_act_tdata, .s_axis_act_tvalid, .s_axis_act_tready, .s_axis_cb_tdata, .s_axis_cb_tvalid, .s_axis_cb_tready,
      .m_axis_row_tdata(row_data), .m_axis_row_tvalid(row_valid), .m_axis_row_tready(row_ready),
      .m_axis_row_tlast(row_last), .busy_o, .error_o, .cause_o(cause)
  );

  lut2d #(
      .Lanes(Lanes), .Units(Units), .Slots(Slots), .Centroids(Centroids), .EntryW(EntryW), .Tokens(Tokens), .AccW(32),
      .DrainW(DrainW), .StartW(30), .MaxBlocks(MaxBlocks), .BeatW(BeatW)
  ) i_lut2d (
      .clk_i, .rst_ni, .s_job_blocks_i(BlocksW'(s_lookup_blocks)), .s_job_slots_i(($clog2(Slots) + 1)'(s_lookup_slots)),
      .s_job_code_i(s_lookup_code), .s_job_valid_i(s_lookup_tvalid), .s_job_ready_o(s_lookup_tready),
      .s_axis_row_tdata(row_data), .s_axis_row_tlast(row_last), .s_axis_row_tvalid(row_valid), .s_axis_row_tready(row_ready),
      .s_axis_idx_tdata, .s_axis_idx_tvalid, .s_axis_idx_tready, .s_axis_start_tdata('0), .s_axis_start_tvalid(1'b1),
      .s_axis_start_tready(unused_start_ready), .m_axis_acc_tdata, .m_axis_acc_tlast, .m_axis_acc_tvalid, .m_axis_acc_tready
  );
endmodule
